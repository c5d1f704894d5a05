#include "tests/damage/damage_judge.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <set>

#include "db/directory_check.h"
#include "tests/support/option_sets.h"
#include "util/escape.h"

namespace logwood::test {

namespace {

constexpr char kJudgedPath[] = "/db";
constexpr size_t kErrorsKept = 5;

class Notes final : public EventListener {
 public:
  void OnEvent(const Event& event) override {
    if (event.kind == EventKind::kUnprovenTail || event.kind == EventKind::kCorruption)
      events.push_back(event);
  }
  std::vector<Event> events;
};

constexpr char kUnknownKeyspace[] = "?";

uint32_t NumberOf(const DamageShape& shape, const std::string& keyspace) {
  if (keyspace == "the catalogue") return 0;
  const std::string name = keyspace.substr(0, keyspace.find(" (dropped)"));
  if (name.starts_with("#")) return static_cast<uint32_t>(std::stoul(name.substr(1)));
  return shape.keyspace_numbers.at(name);
}

class Reader {
 public:
  Reader(const DamageShape& shape, DB* db, const std::vector<Damage>& named, Verdict* verdict)
      : shape_(shape), db_(db), named_(named), verdict_(verdict) {}

  void ReadAll() {
    verdict_->last = db_->LastPosition();
    verdict_->recovery = db_->GetRecoveryInfo();
    if (verdict_->last >= shape_.contents.size())
      return Wrong("is at position " + std::to_string(verdict_->last));
    const Content& content = *shape_.contents[verdict_->last];
    const Result<std::vector<KeyspaceInfo>> list = db_->ListKeyspaces();
    if (!list.ok()) return Note(list.status());
    std::set<std::string> names;
    for (const KeyspaceInfo& info : *list) names.insert(info.name);
    for (const auto& [name, rows] : content) {
      if (names.erase(name) == 0) return Wrong("keyspace " + name + " is gone");
      const Result<Keyspace> keyspace = db_->OpenKeyspace(name);
      if (!keyspace.ok()) return Wrong("keyspace " + name + ": " + keyspace.status().ToString());
      Scan(name, *keyspace, rows, true);
      Scan(name, *keyspace, rows, false);
      GetAll(name, *keyspace, rows);
      ScanAround(name, *keyspace, rows);
    }
    if (!names.empty()) Wrong("keyspace " + *names.begin() + " is back");
  }

 private:
  void Wrong(const std::string& what) {
    if (verdict_->wrong.empty()) verdict_->wrong = what;
  }

  void Note(const Status& status) {
    if (!status.Is(StatusCode::kCorruption)) Wrong("answers " + status.ToString());
    if (verdict_->errors.size() < kErrorsKept) verdict_->errors.push_back(status);
  }

  void Scan(const std::string& name, Keyspace keyspace, const Rows& rows, bool forward) {
    const auto it = db_->NewIterator({}, keyspace);
    size_t count = 0;
    for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
         forward ? it->Next() : it->Prev()) {
      const auto found = rows.find(std::string(it->key()));
      const std::string where = name + ": a scan shows key " + Escape(it->key());
      if (found == rows.end()) return Wrong(where + ", which is not there");
      if (found->second != it->value()) return Wrong(where + " with another value");
      ++count;
    }
    if (!it->status().ok()) return Note(it->status());
    if (count != rows.size()) {
      Wrong(name + ": a scan shows " + std::to_string(count) + " keys of " +
            std::to_string(rows.size()));
    }
  }

  // Every key that ever was.
  void GetAll(const std::string& name, Keyspace keyspace, const Rows& rows) {
    for (const std::string& key : KeysOf(name)) {
      const Status status = db_->Get({}, keyspace, key, &value_);
      const auto found = rows.find(key);
      const bool there = found != rows.end();
      if (status.ok()) {
        if (!there) return Wrong(name + ": key " + Escape(key) + " is back");
        if (value_ != found->second) return Wrong(name + ": key " + Escape(key) + " is wrong");
      } else if (!status.Is(StatusCode::kNotFound)) {
        Note(status);
        if (!IsNamed(name, key)) return Wrong("key " + Escape(key) + " is outside the damage");
      } else if (there) {
        return Wrong(name + ": key " + Escape(key) + " is not found");
      }
    }
  }

  bool IsNamed(const std::string& name, const std::string& key) const {
    return std::any_of(named_.begin(), named_.end(),
                       [&](const Damage& damage) { return Covers(shape_, damage, name, key); });
  }

  // Each stretch of keys outside the damage, within bounds: without an error.
  void ScanAround(const std::string& name, Keyspace keyspace, const Rows& rows) {
    const std::set<std::string>& keys = KeysOf(name);
    for (auto from = keys.begin(); from != keys.end();) {
      auto to = from;
      while (to != keys.end() && !IsNamed(name, *to)) ++to;
      if (from != to) ScanStretch(name, keyspace, rows, *from, *std::prev(to));
      from = to == keys.end() ? to : std::next(to);
    }
  }

  void ScanStretch(const std::string& name, Keyspace keyspace, const Rows& rows,
                   const std::string& first, const std::string& last) {
    IteratorOptions options;
    options.lower = first;
    options.upper = last + '\0';
    const Rows wanted(rows.lower_bound(first), rows.upper_bound(last));
    Rows found;
    const auto it = db_->NewIterator(options, keyspace);
    const bool forward = first.size() % 2 == 0;
    for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
         forward ? it->Next() : it->Prev()) {
      found.emplace(it->key(), it->value());
    }
    const std::string where = name + ": a scan from " + Escape(first) + " to " + Escape(last);
    if (!it->status().ok()) {
      Wrong(where + ", outside the damage: " + it->status().ToString());
    } else if (found != wanted) {
      Wrong(where + " is not exact");
    }
  }

  const std::set<std::string>& KeysOf(const std::string& name) {
    static std::map<std::pair<const DamageShape*, std::string>, std::set<std::string>> all;
    std::set<std::string>& keys = all[{&shape_, name}];
    if (!keys.empty()) return keys;
    for (const auto& content : shape_.contents) {
      const auto at = content->find(name);
      if (at == content->end()) continue;
      for (const auto& [key, value] : at->second) keys.insert(key);
    }
    keys.insert("never there");
    return keys;
  }

  const DamageShape& shape_;
  DB* const db_;
  const std::vector<Damage>& named_;
  Verdict* const verdict_;
  std::string value_;
};

Result<std::unique_ptr<DB>> OpenAs(FileSystem* files, OpenMode mode,
                                   std::shared_ptr<EventListener> listener) {
  if (mode == OpenMode::kWriting) {
    Options options = QuietOptions(files);
    options.listeners.push_back(std::move(listener));
    return DB::Open(options, kJudgedPath);
  }
  ReadOnlyOptions options;
  options.memory_budget_bytes = 2 << 20;
  options.file_system = files;
  options.allow_damaged_log = mode == OpenMode::kDamagedLog;
  return DB::OpenReadOnly(options, kJudgedPath);
}

}  // namespace

std::string_view OpenModeName(OpenMode mode) {
  constexpr std::array<std::string_view, 3> kNames = {"for writing", "read-only",
                                                      "read-only, damaged log allowed"};
  return kNames[static_cast<size_t>(mode)];
}

std::vector<uint64_t> PlacesIn(const std::string& message, const std::string& file) {
  const std::string prefix = file + ":";
  std::vector<uint64_t> places;
  for (size_t at = message.find(prefix); at != std::string::npos;
       at = message.find(prefix, at + 1)) {
    const char* const digits = message.data() + at + prefix.size();
    uint64_t offset = 0;
    const auto [end, error] = std::from_chars(digits, message.data() + message.size(), offset);
    if (error == std::errc()) places.push_back(offset);
  }
  return places;
}

std::string Verdict::ToString() const {
  std::string text = opened.ok() ? "opened at position " + std::to_string(last) : opened.ToString();
  if (recovery.unproven_tail_bytes > 0) {
    text += "; tail " + recovery.unproven_tail_file + ":" +
            std::to_string(recovery.unproven_tail_offset) + ", " +
            std::to_string(recovery.unproven_tail_bytes) + " bytes";
  }
  for (const Event& event : events) text += "; event " + event.ToJson();
  for (const Status& error : errors) text += "; read: " + error.ToString();
  return wrong.empty() ? text : text + "; WRONG: " + wrong;
}

bool CheckVerdict::Names(const std::string& file) const {
  const auto names = [&file](const Damage& damage) { return damage.file == file; };
  return std::any_of(damages.begin(), damages.end(), names) ||
         std::any_of(notes.begin(), notes.end(), names);
}

bool CheckVerdict::NamesPosition(const std::string& file, LogPos position) const {
  const auto names = [&](const Damage& damage) {
    return damage.file == file && damage.first_position <= position &&
           position <= damage.last_position;
  };
  return std::any_of(damages.begin(), damages.end(), names) ||
         std::any_of(notes.begin(), notes.end(), names);
}

std::string CheckVerdict::ToString() const {
  std::string text = status.ToString() + "\n";
  for (const Damage& damage : damages) text += "    damage " + damage.ToString() + "\n";
  for (const Damage& note : notes) text += "    note " + note.ToString() + "\n";
  return text;
}

CheckVerdict Check(const FileContents& files) {
  CheckVerdict verdict;
  const Place place;
  verdict.status = WriteDirectory(place.files(), kJudgedPath, files);
  DirectoryCheckOptions options;
  options.fs = place.files();
  options.path = kJudgedPath;
  options.damage = [&](const Damage& damage) { verdict.damages.push_back(damage); };
  options.note = [&](const Damage& note) { verdict.notes.push_back(note); };
  if (verdict.status.ok()) verdict.status = CheckDirectory(options).status();
  return verdict;
}

std::optional<std::pair<StoredPlace, StoredPlace>> KeysNamedBy(const DamageShape& shape,
                                                               const Damage& damage) {
  if (damage.first_keyspace.empty() && damage.last_keyspace.empty()) return std::nullopt;
  StoredPlace first{0, ""}, last{~uint32_t{0}, ""};
  if (damage.first_keyspace != kUnknownKeyspace) {
    first = {NumberOf(shape, damage.first_keyspace), damage.first_key};
  }
  if (damage.last_keyspace != kUnknownKeyspace) {
    last = {NumberOf(shape, damage.last_keyspace), damage.last_key};
  }
  return std::pair(first, last);
}

bool Covers(const DamageShape& shape, const Damage& damage, const std::string& keyspace,
            const std::string& key) {
  return Covers(shape, damage, {NumberOf(shape, keyspace), key});
}

bool Covers(const DamageShape& shape, const Damage& damage, const StoredPlace& place) {
  const auto keys = KeysNamedBy(shape, damage);
  return keys && keys->first <= place && place <= keys->second;
}

Verdict Judge(const DamageShape& shape, const FileContents& files, OpenMode mode,
              const std::vector<Damage>& named) {
  Verdict verdict;
  const Place place;
  verdict.opened = WriteDirectory(place.files(), kJudgedPath, files);
  const auto notes = std::make_shared<Notes>();
  std::unique_ptr<DB> db;
  if (verdict.opened.ok()) {
    Result<std::unique_ptr<DB>> opened = OpenAs(place.files(), mode, notes);
    verdict.opened = opened.status();
    if (opened.ok()) db = std::move(*opened);
  }
  if (db == nullptr) {
    if (!verdict.opened.Is(StatusCode::kCorruption))
      verdict.wrong = "opening answers " + verdict.opened.ToString();
    return verdict;
  }
  Reader(shape, db.get(), named, &verdict).ReadAll();
  const Status closed = db->Close();
  if (!closed.ok() && verdict.wrong.empty()) verdict.wrong = "closing: " + closed.ToString();
  verdict.events = std::move(notes->events);
  return verdict;
}

}  // namespace logwood::test
