// Messages of users (inbox.h), as a command and as a story that checks itself.
//
//   ./inbox                                        the story
//   ./inbox send anna team "see you at noon"       the command; ./inbox --help
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "examples/inbox/inbox.h"
#include "examples/inbox/story.h"

using logwood::Status;

namespace {

constexpr const char* kUsage =
    R"(usage: inbox [options] [COMMAND ...]

  story                           messages for some users, read, deleted and expired; checks what is
                                  left at each step (default)
  send USER CONVERSATION TEXT     deliver a message, now
  list USER                       newest first
  unread USER                     how many are not read
  read USER TIME ID               mark one as read
  delete USER CONVERSATION        delete a conversation
  expire USER TIME                delete what is older: 2026-11, or 2026-11-28T09:30:00
  forget USER                     delete everything of a user

  --dir DIR     the database; "inbox.db" without it
  --limit N     list at most so many; 10
  --messages N  of the story, for each user; 1,000
  --help
)";

struct Arguments {
  std::string directory = "inbox.db";
  size_t limit = 10, messages = 1'000;
  std::vector<std::string> words;
};

enum class Parsed { kRun, kHelp, kWrong };

Parsed Parse(int argc, char** argv, Arguments* arguments) {
  static const option kOptions[] = {{"dir", required_argument, nullptr, 'd'},
                                    {"limit", required_argument, nullptr, 'l'},
                                    {"messages", required_argument, nullptr, 'm'},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = getopt_long(argc, argv, "h", kOptions, nullptr)) != -1;) {
    if (c == 'd') {
      arguments->directory = optarg;
    } else if (c == 'l') {
      arguments->limit = std::strtoull(optarg, nullptr, 10);
    } else if (c == 'm') {
      arguments->messages = std::strtoull(optarg, nullptr, 10);
    } else {
      return c == 'h' ? Parsed::kHelp : Parsed::kWrong;
    }
  }
  arguments->words.assign(argv + optind, argv + argc);
  if (arguments->words.empty()) arguments->words = {"story"};
  return Parsed::kRun;
}

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  return text;
}

Status PrintList(Inbox& inbox, const std::string& user, size_t limit) {
  const auto messages = inbox.List(user, limit);
  if (!messages.ok()) return messages.status();
  for (const Message& m : *messages) {
    std::printf("%c %s %s %s: %s\n", m.unread ? '*' : ' ', m.time.c_str(), m.id.c_str(),
                m.conversation.c_str(), m.text.c_str());
  }
  return Status::Ok();
}

Status PrintUnread(Inbox& inbox, const std::string& user) {
  const auto unread = inbox.CountUnread(user);
  if (unread.ok()) std::printf("%lu\n", *unread);
  return unread.status();
}

// kNotSupported: no such command.
Status RunCommand(Inbox& inbox, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.words;
  const auto is = [&](const char* command, size_t operands) {
    return words[0] == command && words.size() == operands + 1;
  };
  if (is("story", 0)) return Story(inbox, arguments.messages);
  if (is("send", 3))
    return inbox.Deliver(words[1], {.time = Now(), .conversation = words[2], .text = words[3]});
  if (is("list", 1)) return PrintList(inbox, words[1], arguments.limit);
  if (is("unread", 1)) return PrintUnread(inbox, words[1]);
  if (is("read", 3)) return inbox.MarkRead(words[1], words[2], words[3]);
  if (is("delete", 2)) return inbox.DeleteConversation(words[1], words[2]);
  if (is("expire", 2)) return inbox.DeleteBefore(words[1], words[2]);
  if (is("forget", 1)) return inbox.DeleteUser(words[1]);
  return Status::NotSupported("no such command; see --help");
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  switch (Parse(argc, argv, &arguments)) {
    case Parsed::kHelp:
      std::fputs(kUsage, stdout);
      return 0;
    case Parsed::kWrong:
      std::fputs(kUsage, stderr);
      return 2;
    case Parsed::kRun:
      break;
  }
  const auto inbox = Inbox::Open(arguments.directory);
  Status status = inbox.status();
  if (status.ok()) status = RunCommand(**inbox, arguments);
  if (status.ok()) status = (*inbox)->Close();
  if (!status.ok()) std::fprintf(stderr, "inbox: %s\n", status.ToString().c_str());
  if (status.Is(logwood::StatusCode::kNotSupported)) return 2;
  return status.ok() ? 0 : 1;
}
