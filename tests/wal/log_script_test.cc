// Runs the stories of tests/testdata/wal/*.txt. Each step of a script is a command line, input
// lines,
// "----", the expected output, and an empty line. LOGWOOD_UPDATE_EXPECTED=1 rewrites the expected
// output; review it as a diff.
//
//   define     builds a log and damages it; one action a line (see LogScript::Act)
//   replay     from= first= durable= durable_segment= clean_end=POSITION@LENGTH:SEGMENT
//                                                the verdict of ReplayLog
//   cursor     from= up_to=                      what LogCursor returns
//   dump       segment= json=                    DumpSegment
//   decide     tables= pinned= bytes_min= age_s= now_us=; input: number first last bytes time
#include <filesystem>
#include <map>

#include "tests/wal/log_test_support.h"
#include "wal/log_cursor.h"
#include "wal/log_dump.h"

namespace logwood {
namespace {

using Words = std::vector<std::string>;

Words Split(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// name=value of a command line, or the default.
std::string Argument(const Words& words, const std::string& name, const std::string& otherwise) {
  for (const std::string& word : words) {
    if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
  }
  return otherwise;
}
uint64_t NumberArgument(const Words& words, const std::string& name, uint64_t otherwise) {
  return std::stoull(Argument(words, name, std::to_string(otherwise)));
}

class LogScript {
 public:
  std::string Run(const std::string& command, const Words& lines) {
    Words words = Split(command);
    if (words[0] == "define") return Define(lines);
    if (words[0] == "replay") return Replay(words);
    if (words[0] == "cursor") return Cursor(words);
    if (words[0] == "dump") return Dump(words);
    if (words[0] == "decide") return Decide(words, lines);
    return "unknown command " + words[0] + "\n";
  }

 private:
  std::string Define(const Words& lines) {
    log_ = std::make_unique<TestLog>();
    std::string errors;
    for (const std::string& line : lines) {
      Words words = Split(line);
      if (!Make(words) && !Act(words)) errors += "unknown action: " + line + "\n";
    }
    return errors;
  }

  // Building.
  bool Make(const Words& words) {
    if (words[0] == "begin") {
      log_->Begin(std::stoull(words[1]));
    } else if (words[0] == "append") {
      log_->Append(std::stoull(words[1]), NumberArgument(words, "value", 20));
    } else if (words[0] == "durable") {  // what is recorded from now on
      log_->set_durable(std::stoull(words[1]));
    } else if (words[0] == "mark") {  // a slot
      log_->MarkDurable(words.size() > 1 ? std::stoull(words[1]) : log_->last_position());
    } else if (words[0] == "seal") {
      log_->Seal();
    } else if (words[0] == "recover_to") {
      log_->RecoverTo(std::stoull(words[1]));
    } else {
      return false;
    }
    return true;
  }

  // Damaging. WHERE is header, header_copy, slot_a, slot_b, catalogue, a position's record, or a
  // number of bytes from the beginning as @N.
  //   flip SEGMENT WHERE [+N]    zero SEGMENT WHERE    cut SEGMENT WHERE [+N]
  //   remove SEGMENT             swap SEGMENT SEGMENT
  //   copy SEGMENT SEGMENT (the bytes of the first into the file of the second)
  //   foreign SEGMENT            of another instance; foreign SEGMENT history [NUMBER]: of another
  //                              database, as segment NUMBER of it
  //   blank SEGMENT BYTES        garbage SEGMENT BYTES (appended)
  bool Act(const Words& words) {
    FileSystem* fs = log_->fs();
    std::string path = LogPath(std::stoull(words[1]));
    std::string bytes = ReadWhole(fs, path);
    if (words[0] == "remove") {
      EXPECT_OK(fs->Remove(path));
    } else if (words[0] == "swap") {
      std::string other = LogPath(std::stoull(words[2]));
      std::string other_bytes = ReadWhole(fs, other);
      WriteWhole(fs, other, bytes);
      WriteWhole(fs, path, other_bytes);
    } else if (words[0] == "copy") {
      WriteWhole(fs, LogPath(std::stoull(words[2])), bytes);
    } else if (words[0] == "foreign") {
      SegmentHeader header = log_->NextHeader(std::stoull(words[words.size() == 4 ? 3 : 1]));
      header.instance_id.low ^= 1;
      if (words.size() >= 3) {
        header.history_id.low ^= 1;
        header.predecessor = header.predecessor_length = header.predecessor_last_position = 0;
      }
      WriteWhole(fs, path, EncodeSegmentHeader(header));
    } else if (words[0] == "blank") {
      WriteWhole(fs, path, std::string(std::stoull(words[2]), '\0'));
    } else if (words[0] == "garbage") {
      WriteWhole(fs, path, bytes + std::string(std::stoull(words[2]), '\x5a'));
    } else if (words[0] == "flip" || words[0] == "zero" || words[0] == "cut") {
      uint64_t size = 1;
      uint64_t at = Locate(words[2], &size);
      for (const std::string& word : words) {
        if (word[0] == '+') at += std::stoull(word.substr(1));
      }
      if (words[0] == "cut") {
        bytes.resize(at);
      } else if (words[0] == "zero") {
        bytes.replace(at, size, size, '\0');
      } else {
        bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
      }
      WriteWhole(fs, path, bytes);
    } else {
      return false;
    }
    return true;
  }

  uint64_t Locate(const std::string& where, uint64_t* size) {
    *size = kSegmentHeaderBytes;
    if (where == "header") return 0;
    if (where == "header_copy") return kHeaderCopyOffset;
    *size = kSlotBytes;
    if (where == "slot_a") return kSlotAOffset;
    if (where == "slot_b") return kSlotBOffset;
    *size = 1;
    if (where == "catalogue") return kCatalogueOffset;
    if (where[0] == '@') return std::stoull(where.substr(1));
    for (const Placed& record : log_->records()) {
      if (record.position != std::stoull(where)) continue;
      *size = record.end - record.begin;
      return record.begin;
    }
    ADD_FAILURE() << "no place " << where;
    return 0;
  }

  std::vector<uint64_t> Listed() {
    std::vector<uint64_t> numbers;
    const Result<std::vector<std::string>> names = log_->fs()->List(kLogDirectory);
    for (const std::string& name : names.value()) {
      if (auto number = ParseLogFileName(name)) numbers.push_back(*number);
    }
    return numbers;
  }

  std::string Replay(const Words& words) {
    ReplayOptions options = log_->Options();
    options.segments = Listed();
    options.from = NumberArgument(words, "from", 1);
    options.first_segment = NumberArgument(words, "first", 1);
    options.durable_at_least = NumberArgument(words, "durable", 0);
    std::string clean_end = Argument(words, "clean_end", "");
    if (!clean_end.empty()) {
      const size_t at = clean_end.find('@'), behind = clean_end.find(':');
      options.clean_end = LogEnd{std::stoull(clean_end.substr(behind + 1)),
                                 std::stoull(clean_end.substr(at + 1)), std::stoull(clean_end)};
    }
    options.durable_segment = NumberArgument(words, "durable_segment", 0);
    LogPos first = 0, last = 0;
    Result<ReplayResult> result = ReplayLog(log_->fs(), options, [&](const CommitRecord& record) {
      if (first == 0) first = record.position;
      EXPECT_TRUE(last == 0 || record.position == last + 1);
      last = record.position;
      return Status::Ok();
    });
    if (!result.ok()) return "failed: " + result.status().ToString() + "\n";
    std::ostringstream out;
    out << "applied " << first << ".." << last << ", end " << result->last_position << ", durable "
        << result->durable_point << "\n";
    for (const SegmentSummary& s : result->segments) {
      out << "segment " << s.number << ": " << s.first_position << ".." << s.last_position << " of "
          << s.length << "/" << s.file_bytes << " bytes" << (s.sealed ? ", sealed" : "") << "\n";
    }
    for (uint64_t number : result->discarded) out << "discarded " << number << "\n";
    for (uint64_t number : result->foreign) out << "foreign " << number << "\n";
    if (result->tail.has_value()) {
      out << "tail " << result->tail->file << ":" << result->tail->offset << ", "
          << result->tail->bytes << " bytes: " << result->tail->reason << "\n";
    }
    if (!result->damage.ok()) out << "damage " << result->damage.ToString() << "\n";
    return out.str();
  }

  std::string Cursor(const Words& words) {
    LogCursorOptions options;
    options.from = NumberArgument(words, "from", 1);
    options.up_to = NumberArgument(words, "up_to", ~uint64_t{0});
    auto cursor = LogCursor::Open(log_->fs(), kLogDirectory, options);
    if (!cursor.ok()) return cursor.status().ToString() + "\n";
    std::string out;
    CommitRecord record;
    LogCursor::Outcome outcome;
    while ((outcome = (*cursor)->Next(&record)) == LogCursor::Outcome::kRecord)
      out += std::to_string(record.position) + " ";
    out += std::string(CursorOutcomeName(outcome));
    if (!(*cursor)->status().ok()) out += ": " + (*cursor)->status().ToString();
    return out + "\n";
  }

  std::string Dump(const Words& words) {
    std::string out;
    DumpOptions options;
    options.json = NumberArgument(words, "json", 0) != 0;
    auto summary = DumpSegment(log_->fs(), LogPath(NumberArgument(words, "segment", 1)), options,
                               [&](std::string_view line) { out.append(line).append("\n"); });
    if (!summary.ok()) return summary.status().ToString() + "\n";
    return out;
  }

  std::string Decide(const Words& words, const Words& lines) {
    std::vector<RetainedSegment> segments;
    for (const std::string& line : lines) {
      Words fields = Split(line);
      segments.push_back({std::stoull(fields[0]), std::stoull(fields[1]), std::stoull(fields[2]),
                          std::stoull(fields[3]), std::stoull(fields[4])});
    }
    SegmentNeeds needs;
    needs.tables_position = NumberArgument(words, "tables", 0);
    needs.pinned_position = NumberArgument(words, "pinned", ~uint64_t{0});
    needs.retention.bytes_min = NumberArgument(words, "bytes_min", 0);
    needs.retention.age_min =
        std::chrono::seconds(static_cast<int64_t>(NumberArgument(words, "age_s", 0)));
    needs.now_us = NumberArgument(words, "now_us", 0);
    std::string out;
    std::vector<KeepReason> reasons = DecideSegments(segments, needs);
    for (size_t i = 0; i < reasons.size(); ++i) {
      out +=
          std::to_string(segments[i].number) + " " + std::string(KeepReasonName(reasons[i])) + "\n";
    }
    return out;
  }

  std::unique_ptr<TestLog> log_;
};

// The script with the output that was found in place of the expected one.
std::string RunScript(const std::string& text) {
  LogScript script;
  std::istringstream in(text);
  std::string out;
  std::string command;
  Words input;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') {
      out += line + "\n";
      continue;
    }
    if (command.empty()) {
      command = line;
    } else if (line != "----") {
      input.push_back(line);
    }
    out += line + "\n";
    if (line != "----") continue;
    out += script.Run(command, input);
    while (std::getline(in, line) && !line.empty()) {
    }
    out += "\n";
    command.clear();
    input.clear();
  }
  return out;
}

class LogScriptTest : public testing::TestWithParam<std::string> {};

TEST_P(LogScriptTest, TellsItsStory) {
  std::string path = TestDataPath("wal/" + GetParam() + ".txt");
  std::string expected = ReadSourceFile(path);
  ASSERT_FALSE(expected.empty()) << path;
  std::string found = RunScript(expected);
  while (found.ends_with("\n\n")) found.pop_back();
  if (UpdateExpected())
    std::ofstream(path, std::ios::binary) << found;
  else
    EXPECT_EQ(found, expected) << "LOGWOOD_UPDATE_EXPECTED=1 rewrites " << path;
}

INSTANTIATE_TEST_SUITE_P(Scripts, LogScriptTest,
                         testing::Values("replay", "replay_chain", "cursor", "dump", "retention"),
                         [](const auto& script) { return script.param; });

}  // namespace
}  // namespace logwood
