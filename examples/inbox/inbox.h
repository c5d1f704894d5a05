// Messages of users on Logwood: three keyspaces, each an order in which somebody asks.
//
//   messages   user/time/id                 -> conversation/text    newest first: backward
//   threads    user/conversation/time/id    -> nothing              what belongs to a conversation
//   unread     user/time/id                 -> nothing              only of those not read yet
//
// Every change is one batch over all three, so they never disagree. All calls are safe from several
// threads. What is a range in an order goes by one range delete, however many messages it holds;
// what is scattered in it, message by message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "logwood/db.h"

// Users, conversations, times and ids are any text without '/'. Times have to sort as text:
// "2026-11-28T09:30:00".
struct Message {
  std::string time = {};
  std::string id =
      {};  // with the time no two of a user are alike; Deliver makes one if there is none
  std::string conversation = {}, text = {};
  bool unread = true;
};

class Inbox {
 public:
  static logwood::Result<std::unique_ptr<Inbox>> Open(const std::string& directory);

  logwood::Status Deliver(const std::string& user, const Message& message);
  // Newest first.
  logwood::Result<std::vector<Message>> List(const std::string& user, size_t limit);
  logwood::Result<uint64_t> CountUnread(const std::string& user);
  // Nothing happens where it is read already, or not there.
  logwood::Status MarkRead(const std::string& user, const std::string& time, const std::string& id);
  logwood::Status DeleteConversation(const std::string& user, const std::string& conversation);
  // All messages older than this time.
  logwood::Status DeleteBefore(const std::string& user, const std::string& time);
  // Everything the user has.
  logwood::Status DeleteUser(const std::string& user);
  logwood::Status Close() { return db_->Close(); }

 private:
  explicit Inbox(std::unique_ptr<logwood::DB> db) : db_(std::move(db)) {}
  logwood::Result<std::vector<std::string>> Conversations(const std::string& user);

  const std::unique_ptr<logwood::DB> db_;
  // Held by what reads and then writes, and by what may not come between the two.
  std::mutex changes_;
  logwood::Keyspace messages_, threads_, unread_;
};
