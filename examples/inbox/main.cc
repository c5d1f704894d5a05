// Messages of users (inbox.h), as a command and as a story that checks itself.
//
//   ./inbox                                        the story
//   ./inbox send anna team "see you at noon"       the command; ./inbox --help
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "inbox.h"
#include "story.h"

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
  expire USER TIME                delete what is older: 2026, 2026-11, 2026-11-28T09:30:00
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

struct Command {
  const char* name;
  std::vector<const char*> operands;
};

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = {{"story", {}},
                                                 {"send", {"USER", "CONVERSATION", "TEXT"}},
                                                 {"list", {"USER"}},
                                                 {"unread", {"USER"}},
                                                 {"read", {"USER", "TIME", "ID"}},
                                                 {"delete", {"USER", "CONVERSATION"}},
                                                 {"expire", {"USER", "TIME"}},
                                                 {"forget", {"USER"}}};
  return kCommands;
}

// Whether `text` is a time, or as much of one as there is of it: what is no time sorts somewhere,
// and everything may be older.
bool IsTime(const std::string& text) {
  const std::string shape = "0000-00-00T00:00:00";
  bool fits = text.size() <= shape.size();
  for (size_t i = 0; fits && i < text.size(); ++i) {
    fits = shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i];
  }
  // Where numbers end, with the least and the most that they may be.
  struct Part {
    size_t end;
    int least, most;
  };
  for (const auto& [end, least, most] :
       {Part{4, 0, 9999}, {7, 1, 12}, {10, 1, 31}, {13, 0, 23}, {16, 0, 59}, {19, 0, 60}}) {
    if (!fits || text.size() < end) return false;
    const size_t begin = end == 4 ? 0 : end - 2;
    const int number = std::atoi(text.substr(begin, end - begin).c_str());
    fits = number >= least && number <= most;
    if (text.size() == end) return fits;
  }
  return false;
}

// Before the database is opened. What is wrong with the words; empty: nothing.
std::string WrongUsage(const std::vector<std::string>& words) {
  for (const auto& [name, operands] : Commands()) {
    if (words[0] != name) continue;
    std::string all;
    for (const char* operand : operands) all += std::string(" ") + operand;
    const size_t given = words.size() - 1;
    if (given > operands.size())
      return words[0] + " takes" + (all.empty() ? " nothing" : all + ", and no more");
    if (given < operands.size())
      return words[0] + " needs" + all + ", " + operands[given] + " is missing";
    if (words[0] == "expire" && !IsTime(words[2]))
      return "expire: " + words[2] + " is no time, such as 2026-11 or 2026-11-28T09:30:00";
    return "";
  }
  return "there is no command " + words[0];
}

// REQUIRES: nothing is wrong with the words.
Status RunCommand(Inbox& inbox, const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.words;
  const std::string& command = words[0];
  if (command == "story") return Story(inbox, arguments.messages);
  if (command == "send")
    return inbox.Deliver(words[1], {.time = Now(), .conversation = words[2], .text = words[3]});
  if (command == "list") return PrintList(inbox, words[1], arguments.limit);
  if (command == "unread") return PrintUnread(inbox, words[1]);
  if (command == "read") return inbox.MarkRead(words[1], words[2], words[3]);
  if (command == "delete") return inbox.DeleteConversation(words[1], words[2]);
  if (command == "expire") return inbox.DeleteBefore(words[1], words[2]);
  return inbox.DeleteUser(words[1]);
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
  if (const std::string wrong = WrongUsage(arguments.words); !wrong.empty()) {
    std::fprintf(stderr, "inbox: %s; see --help\n", wrong.c_str());
    return 2;
  }
  const auto inbox = Inbox::Open(arguments.directory);
  Status status = inbox.status();
  if (status.ok()) status = RunCommand(**inbox, arguments);
  if (status.ok()) status = (*inbox)->Close();
  if (!status.ok()) std::fprintf(stderr, "inbox: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
