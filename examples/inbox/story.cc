#include "story.h"

#include <algorithm>
#include <cstdio>
#include <functional>

using logwood::Status;

namespace {

// Message i of a user is of minute i, in one of three conversations, and every other one is unread.
constexpr const char* kConversations[] = {"anna", "family", "team"};

std::string MinuteOf(size_t i) {
  char text[64];
  std::snprintf(text, sizeof(text), "2026-%02zu-%02zuT%02zu:%02zu:00", 1 + i / 40320 % 12,
                1 + i / 1440 % 28, i / 60 % 24, i % 60);
  return text;
}

Message MessageOf(size_t i) {
  return {.time = MinuteOf(i),
          .id = std::to_string(i),
          .conversation = kConversations[i % 3],
          .text = "message " + std::to_string(i),
          .unread = i % 2 == 0};
}

bool Same(const Message& a, const Message& b) {
  return a.time == b.time && a.id == b.id && a.conversation == b.conversation && a.text == b.text &&
         a.unread == b.unread;
}

// The user has exactly those of the messages that are to be left; prints how many, and the newest.
Status Expect(Inbox& inbox, const std::string& user, size_t messages,
              const std::function<bool(size_t)>& left) {
  std::vector<Message> expected;
  for (size_t i = messages; i-- > 0;) {
    if (left(i)) expected.push_back(MessageOf(i));
  }
  const auto list = inbox.List(user, messages + 1);
  if (!list.ok()) return list.status();
  const auto unread = inbox.CountUnread(user);
  if (!unread.ok()) return unread.status();
  std::printf(
      "%s has %zu messages, %lu of them unread%s%s\n", user.c_str(), list->size(), *unread,
      list->empty() ? "" : "; the newest: ", list->empty() ? "" : list->front().text.c_str());
  const auto expected_unread = static_cast<uint64_t>(std::count_if(
      expected.begin(), expected.end(), [](const Message& message) { return message.unread; }));
  if (*unread != expected_unread ||
      !std::equal(list->begin(), list->end(), expected.begin(), expected.end(), Same))
    return Status::Corruption(user + " has other messages than there must be");
  return Status::Ok();
}

Status Fill(Inbox& inbox, const std::string& user, size_t messages) {
  Status status = inbox.DeleteUser(user);  // what an earlier run left
  for (size_t i = 0; status.ok() && i < messages; ++i) {
    status = inbox.Deliver(user, MessageOf(i));
  }
  return status;
}

}  // namespace

Status Story(Inbox& inbox, size_t messages) {
  Status status;
  for (const char* user : {"ben", "cleo", "dora"}) {
    if (status.ok()) status = Fill(inbox, user, messages);
    if (status.ok()) status = Expect(inbox, user, messages, [](size_t) { return true; });
  }
  if (!status.ok()) return status;

  std::puts("ben deletes the conversation with the team");
  status = inbox.DeleteConversation("ben", "team");
  const auto not_of_team = [](size_t i) { return i % 3 != 2; };
  if (status.ok()) status = Expect(inbox, "ben", messages, not_of_team);
  if (!status.ok()) return status;

  std::puts("cleo keeps the younger half");
  const auto young = [&](size_t i) { return i >= messages / 2; };
  status = inbox.DeleteBefore("cleo", MinuteOf(messages / 2));
  if (status.ok()) status = Expect(inbox, "cleo", messages, young);
  if (!status.ok()) return status;

  std::puts("dora's go, and only hers");
  status = inbox.DeleteUser("dora");
  if (status.ok()) status = Expect(inbox, "dora", messages, [](size_t) { return false; });
  if (status.ok()) status = Expect(inbox, "ben", messages, not_of_team);
  if (!status.ok()) return status;

  std::puts("ben reads what is new, and the team writes again");
  const auto list = inbox.List("ben", messages);
  if (!list.ok()) return list.status();
  for (const Message& message : *list) {
    if (status.ok()) status = inbox.MarkRead("ben", message.time, message.id);
  }
  if (status.ok())
    status =
        inbox.Deliver("ben", {.time = "2027", .conversation = "team", .text = "we have moved"});
  if (!status.ok()) return status;
  const auto unread = inbox.CountUnread("ben");
  if (!unread.ok()) return unread.status();
  const auto newest = inbox.List("ben", 1);
  if (!newest.ok()) return newest.status();
  const bool right = *unread == 1 && newest->size() == 1 && newest->front().text == "we have moved";
  std::printf("ben has %lu unread\n", *unread);
  return right ? Status::Ok() : Status::Corruption("ben has other messages than there must be");
}
