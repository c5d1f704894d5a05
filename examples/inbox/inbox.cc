#include "inbox.h"

#include <utility>

using logwood::IteratorOptions;
using logwood::Keyspace;
using logwood::Result;
using logwood::Status;
using logwood::WriteBatch;

namespace {

// The first key behind all that begin with this, which ends with '/'.
std::string Behind(std::string prefix) {
  ++prefix.back();
  return prefix;
}

bool IsName(const std::string& text) {
  return !text.empty() && text.find('/') == std::string::npos;
}

Status NotAName() { return Status::InvalidArgument("names are not empty and without '/'"); }

}  // namespace

Result<std::unique_ptr<Inbox>> Inbox::Open(const std::string& directory) {
  auto db = logwood::DB::Open({}, directory);
  if (!db.ok()) return db.status();
  std::unique_ptr<Inbox> inbox(new Inbox(std::move(*db)));
  for (const auto& [name, keyspace] : {std::pair{"messages", &inbox->messages_},
                                       {"threads", &inbox->threads_},
                                       {"unread", &inbox->unread_}}) {
    const auto opened = inbox->db_->OpenOrCreateKeyspace({}, name);
    if (!opened.ok()) return opened.status();
    *keyspace = *opened;
  }
  return inbox;
}

Status Inbox::Deliver(const std::string& user, const Message& message) {
  const auto& [time, given_id, conversation, text, unread] = message;
  const std::lock_guard lock(changes_);
  // The position that the next commit gets, if not this one: a later delivery finds a higher one.
  const std::string id = given_id.empty() ? std::to_string(db_->LastPosition() + 1) : given_id;
  if (!IsName(user) || !IsName(time) || !IsName(id) || !IsName(conversation)) return NotAName();
  const std::string when = time + "/" + id;
  WriteBatch batch;
  batch.Put(messages_, user + "/" + when, conversation + "/" + text);
  batch.Put(threads_, user + "/" + conversation + "/" + when, "");
  if (unread) batch.Put(unread_, user + "/" + when, "");
  return db_->Write({}, batch).status();
}

Result<std::vector<Message>> Inbox::List(const std::string& user, size_t limit) {
  // Messages and marks as they were at one moment.
  const auto snapshot = db_->GetSnapshot("list");
  if (!snapshot.ok()) return snapshot.status();
  IteratorOptions options;
  options.snapshot = snapshot->get();
  options.prefix = user + "/";
  const auto it = db_->NewIterator(options, messages_);
  std::vector<Message> messages;
  for (it->SeekToLast(); it->Valid() && messages.size() < limit; it->Prev()) {
    const std::string key(it->key()), value(it->value());
    const size_t slash = key.find('/', options.prefix.size());
    const size_t text = value.find('/');
    const auto unread = db_->Contains({.snapshot = snapshot->get()}, unread_, key);
    if (!unread.ok()) return unread.status();
    messages.push_back({.time = key.substr(options.prefix.size(), slash - options.prefix.size()),
                        .id = key.substr(slash + 1),
                        .conversation = value.substr(0, text),
                        .text = value.substr(text + 1),
                        .unread = *unread});
  }
  if (!it->status().ok()) return it->status();
  return messages;
}

Result<uint64_t> Inbox::CountUnread(const std::string& user) {
  IteratorOptions options;
  options.prefix = user + "/";
  const auto it = db_->NewIterator(options, unread_);
  uint64_t count = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
  if (!it->status().ok()) return it->status();
  return count;
}

Status Inbox::MarkRead(const std::string& user, const std::string& time, const std::string& id) {
  return db_->Delete({}, unread_, user + "/" + time + "/" + id).status();
}

// One range of the threads. In the other orders its messages lie among others of the user. A batch
// holds some hundred thousand of them (logwood::kBatchBytesMax).
Status Inbox::DeleteConversation(const std::string& user, const std::string& conversation) {
  if (!IsName(user) || !IsName(conversation)) return NotAName();
  IteratorOptions options;
  options.prefix = user + "/" + conversation + "/";
  const std::lock_guard lock(changes_);
  const auto it = db_->NewIterator(options, threads_);
  WriteBatch batch;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string key = user + "/" + std::string(it->key().substr(options.prefix.size()));
    batch.Delete(messages_, key);
    batch.Delete(unread_, key);
  }
  if (!it->status().ok()) return it->status();
  batch.DeleteRange(threads_, options.prefix, Behind(options.prefix));
  return db_->Write({}, batch).status();
}

// One seek for each: behind a conversation's messages the next one begins.
Result<std::vector<std::string>> Inbox::Conversations(const std::string& user) {
  IteratorOptions options;
  options.prefix = user + "/";
  const auto it = db_->NewIterator(options, threads_);
  std::vector<std::string> conversations;
  it->SeekToFirst();
  while (it->Valid()) {
    const std::string_view rest = it->key().substr(options.prefix.size());
    conversations.emplace_back(rest.substr(0, rest.find('/')));
    it->Seek(Behind(options.prefix + conversations.back() + "/"));
  }
  if (!it->status().ok()) return it->status();
  return conversations;
}

// No message is read: one range in each order by time, and one for each conversation.
Status Inbox::DeleteBefore(const std::string& user, const std::string& time) {
  if (!IsName(user) || !IsName(time)) return NotAName();
  const std::lock_guard lock(changes_);
  const auto conversations = Conversations(user);
  if (!conversations.ok()) return conversations.status();
  WriteBatch batch;
  const std::string mine = user + "/";
  batch.DeleteRange(messages_, mine, mine + time);
  batch.DeleteRange(unread_, mine, mine + time);
  for (const std::string& conversation : *conversations) {
    const std::string thread = mine + conversation + "/";
    batch.DeleteRange(threads_, thread, thread + time);
  }
  return db_->Write({}, batch).status();
}

Status Inbox::DeleteUser(const std::string& user) {
  if (!IsName(user)) return NotAName();
  const std::string mine = user + "/";
  WriteBatch batch;
  for (const Keyspace keyspace : {messages_, threads_, unread_}) {
    batch.DeleteRange(keyspace, mine, Behind(mine));
  }
  return db_->Write({}, batch).status();
}
