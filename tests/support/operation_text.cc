// Operations to text and back. A line is a kind and fields "name=value"; lists are divided by ','.
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "tests/support/generators.h"
#include "tests/support/operation.h"
#include "util/check.h"
#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr std::array<std::string_view, kOperationKinds> kKindNames = {"put",
                                                                      "delete",
                                                                      "delete_range",
                                                                      "merge",
                                                                      "batch",
                                                                      "put_if_absent",
                                                                      "compare_and_put",
                                                                      "delete_if",
                                                                      "begin",
                                                                      "commit",
                                                                      "rollback",
                                                                      "set_savepoint",
                                                                      "rollback_to",
                                                                      "expect",
                                                                      "get",
                                                                      "multiget",
                                                                      "contains",
                                                                      "open_iterator",
                                                                      "walk",
                                                                      "close_iterator",
                                                                      "take_snapshot",
                                                                      "release_snapshot",
                                                                      "create_keyspace",
                                                                      "open_or_create_keyspace",
                                                                      "drop_keyspace",
                                                                      "list_keyspaces",
                                                                      "flush",
                                                                      "compact_range",
                                                                      "compact_all",
                                                                      "wait_for_compaction",
                                                                      "wait_durable",
                                                                      "estimate",
                                                                      "stats",
                                                                      "verify",
                                                                      "reopen",
                                                                      "crash",
                                                                      "read_only",
                                                                      "check_all",
                                                                      "clock"};

constexpr std::string_view kStepLetters = "FLSRNP";
constexpr std::string_view kItemLetters = "pdrxm";  // of BatchItem::Kind

std::string Text(const KeyRef& key) {
  std::string text = "k";
  text += std::to_string(key.id);
  if (key.cut >= 0) text += "/" + std::to_string(key.cut);
  if (key.after) text += "+";
  return text;
}

std::string Text(const ValueRef& value) {
  std::string text = "v";
  return text.append(std::to_string(value.id)).append(":").append(std::to_string(value.size));
}

std::string Text(const BatchItem& item) {
  std::string text(1, kItemLetters[static_cast<size_t>(item.kind)]);
  text.append(std::to_string(item.keyspace)).append(":").append(Text(item.key));
  if (item.has_value()) text.append(":").append(Text(item.value));
  if (item.end) text.append(":").append(Text(*item.end));
  if (item.ttl_us != 0) text.append(":t").append(std::to_string(item.ttl_us));
  return text;
}

std::string Text(const Step& step) {
  std::string text(1, kStepLetters[static_cast<size_t>(step.kind)]);
  if (step.kind == Step::Kind::kSeek || step.kind == Step::Kind::kSeekForPrev)
    return text + Text(step.key);
  if (step.kind == Step::Kind::kNext || step.kind == Step::Kind::kPrev)
    return text + std::to_string(step.count);
  return text;
}

template <typename T>
std::string Joined(const std::vector<T>& elements) {
  std::string text;
  for (const T& element : elements) {
    if (!text.empty()) text += ',';
    text += Text(element);
  }
  return text;
}

// Reads a line from left to right; the first mistake makes everything after it fail.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool Eat(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool empty() const { return rest_.empty(); }
  char TakeChar() {
    if (rest_.empty()) return '\0';
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }
  template <typename Int>
  bool Number(Int* number) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), *number);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return true;
  }
  bool Key(KeyRef* key) {
    if (!Eat('k') || !Number(&key->id)) return false;
    if (Eat('/') && !Number(&key->cut)) return false;
    key->after = Eat('+');
    return true;
  }
  bool Ttl(int64_t* ttl_us) {
    return Number(ttl_us) && *ttl_us >= kTtlForEver && *ttl_us <= kTtlMax.count();
  }
  bool Value(ValueRef* value) {
    return Eat('v') && Number(&value->id) && Eat(':') && Number(&value->size);
  }

 private:
  std::string_view rest_;
};

bool ParseItem(std::string_view text, BatchItem* item) {
  Scanner in(text);
  const size_t letter = kItemLetters.find(in.TakeChar());
  if (letter == std::string_view::npos) return false;
  item->kind = static_cast<BatchItem::Kind>(letter);
  if (!in.Number(&item->keyspace) || !in.Eat(':') || !in.Key(&item->key)) return false;
  if (item->has_value() && (!in.Eat(':') || !in.Value(&item->value))) return false;
  if (item->kind == BatchItem::Kind::kPut && in.Eat(':') && !(in.Eat('t') && in.Ttl(&item->ttl_us)))
    return false;
  if (item->kind == BatchItem::Kind::kDeleteRange && in.Eat(':') && !in.Key(&item->end.emplace()))
    return false;
  return in.empty() && item->keyspace >= 0 && item->keyspace < kKeyspaceSlots;
}

bool ParseStep(std::string_view text, Step* step) {
  Scanner in(text);
  const size_t letter = kStepLetters.find(in.TakeChar());
  if (letter == std::string_view::npos) return false;
  step->kind = static_cast<Step::Kind>(letter);
  if (step->kind == Step::Kind::kSeek || step->kind == Step::Kind::kSeekForPrev)
    return in.Key(&step->key) && in.empty();
  if (step->kind == Step::Kind::kNext || step->kind == Step::Kind::kPrev)
    return in.Number(&step->count) && in.empty();
  return in.empty();
}

template <typename T, typename Parse>
bool ParseList(std::string_view text, std::vector<T>* elements, const Parse& parse) {
  while (!text.empty()) {
    const size_t comma = text.find(',');
    T element;
    if (!parse(text.substr(0, comma), &element)) return false;
    elements->push_back(std::move(element));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return true;
}

bool ParseKey(std::string_view text, KeyRef* key) {
  Scanner in(text);
  return in.Key(key) && in.empty();
}

bool ParseSlot(std::string_view text, int min, int limit, int* number) {
  Scanner in(text);
  return in.Number(number) && in.empty() && *number >= min && *number < limit;
}

bool ParseBound(std::string_view text, std::optional<KeyRef>* bound) {
  bound->emplace();
  return ParseKey(text, &**bound);
}

bool ParseField(std::string_view name, std::string_view text, Operation* operation) {
  if (name == "ks") return ParseSlot(text, 0, kKeyspaceSlots, &operation->keyspace);
  if (name == "slot")
    return ParseSlot(text, 0, std::max(kSnapshotSlots, kIteratorSlots), &operation->slot);
  if (name == "at") return ParseSlot(text, -1, kSnapshotSlots, &operation->snapshot);
  if (name == "in") return ParseSlot(text, -1, kTransactionSlots, &operation->transaction);
  if (name == "key") return ParseKey(text, &operation->key);
  if (name == "lower") return ParseBound(text, &operation->lower);
  if (name == "upper") return ParseBound(text, &operation->upper);
  if (name == "prefix") return ParseBound(text, &operation->prefix);
  if (name == "keys") return ParseList(text, &operation->keys, ParseKey);
  if (name == "items") return ParseList(text, &operation->items, ParseItem);
  if (name == "steps") return ParseList(text, &operation->steps, ParseStep);
  Scanner in(text);
  if (name == "value") return in.Value(&operation->value) && in.empty();
  if (name == "note") return in.Number(&operation->note_bytes) && in.empty();
  if (name == "savepoint") return in.Number(&operation->savepoint) && in.empty();
  if (name == "ttl") return in.Ttl(&operation->ttl_us) && in.empty();
  if (name == "clock") return in.Number(&operation->clock_us) && in.empty();
  if (name == "flag") return operation->flag = in.Eat('1'), in.empty();
  if (name != "durability") return false;
  int level = 0;
  if (!in.Number(&level) || level < 0 || level > 2) return false;
  operation->durability = static_cast<Durability>(level);
  return in.empty();
}

bool ParseLine(std::string_view line, Operation* operation) {
  size_t space = line.find(' ');
  const std::string_view kind = line.substr(0, space);
  int index = 0;
  while (index < kOperationKinds && kKindNames[static_cast<size_t>(index)] != kind) ++index;
  if (index == kOperationKinds) return false;
  operation->kind = static_cast<OperationKind>(index);
  while (space != std::string_view::npos) {
    line.remove_prefix(space + 1);
    space = line.find(' ');
    const std::string_view field = line.substr(0, space);
    const size_t equals = field.find('=');
    if (equals == std::string_view::npos) return false;
    if (!ParseField(field.substr(0, equals), field.substr(equals + 1), operation)) return false;
  }
  return true;
}

}  // namespace

std::string KeyspaceNameOf(int slot) {
  CHECK(slot >= 0 && slot < kKeyspaceSlots);
  if (slot == 0) return "default";
  if (slot == 1) return "orders";
  if (slot == 2) return "a";
  if (slot == 3) return std::string(kKeyspaceNameBytesMax, 'n');
  if (slot == 4) return std::string("\0with nul and \xff", 15);
  return "orders/by customer";
}

std::chrono::microseconds TtlOf(int64_t ttl_us) {
  return ttl_us < 0 ? kNoExpiry : std::chrono::microseconds(ttl_us);
}

std::string KeyRef::bytes() const {
  std::string key = KeyOf(id);
  if (cut >= 0 && static_cast<size_t>(cut) < key.size()) key.resize(static_cast<size_t>(cut));
  if (after && key.size() < kKeyBytesMax) key.push_back('\0');
  return key;
}

std::optional<std::string> SuccessorOf(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

KeyBounds BatchItem::bounds() const {
  CHECK(is_range());
  KeyBounds bounds{.begin = key.bytes(), .end = {}};
  if (kind == Kind::kDeletePrefix) {
    bounds.end = SuccessorOf(bounds.begin);
  } else if (end) {
    bounds.end = end->bytes();
  }
  return bounds;
}

BatchItem ItemOf(const Operation& operation) {
  BatchItem item{.keyspace = operation.keyspace, .key = operation.key};
  if (operation.kind == OperationKind::kPut || operation.kind == OperationKind::kPutIfAbsent ||
      operation.kind == OperationKind::kCompareAndPut) {
    item.value = operation.value;
  } else if (operation.kind == OperationKind::kMerge) {
    item.kind = BatchItem::Kind::kMerge;
    item.value = operation.value;
  } else if (operation.kind == OperationKind::kDelete ||
             operation.kind == OperationKind::kDeleteIf) {
    item.kind = BatchItem::Kind::kDelete;
  } else if (operation.prefix) {
    item.kind = BatchItem::Kind::kDeletePrefix;
    item.key = *operation.prefix;
  } else {
    item.kind = BatchItem::Kind::kDeleteRange;
    item.key = operation.lower.value_or(KeyRef());
    item.end = operation.upper;
  }
  return item;
}

std::string ValueRef::bytes() const { return ValueOf(id, size); }

std::string ToText(const Operation& operation) {
  const Operation none;
  std::string text(kKindNames[static_cast<size_t>(operation.kind)]);
  const auto add = [&text](std::string_view name, const std::string& value) {
    text.append(" ").append(name).append("=").append(value);
  };
  if (operation.keyspace != 0) add("ks", std::to_string(operation.keyspace));
  if (operation.slot != 0) add("slot", std::to_string(operation.slot));
  if (operation.snapshot != -1) add("at", std::to_string(operation.snapshot));
  if (operation.transaction != -1) add("in", std::to_string(operation.transaction));
  if (operation.key != none.key) add("key", Text(operation.key));
  if (operation.value != none.value) add("value", Text(operation.value));
  if (operation.lower) add("lower", Text(*operation.lower));
  if (operation.upper) add("upper", Text(*operation.upper));
  if (operation.prefix) add("prefix", Text(*operation.prefix));
  if (!operation.keys.empty()) add("keys", Joined(operation.keys));
  if (!operation.items.empty()) add("items", Joined(operation.items));
  if (!operation.steps.empty()) add("steps", Joined(operation.steps));
  if (operation.note_bytes != 0) add("note", std::to_string(operation.note_bytes));
  if (operation.savepoint != 0) add("savepoint", std::to_string(operation.savepoint));
  if (operation.ttl_us != 0) add("ttl", std::to_string(operation.ttl_us));
  if (operation.clock_us != 0) add("clock", std::to_string(operation.clock_us));
  if (operation.flag) add("flag", "1");
  if (operation.durability != Durability::kDefault)
    add("durability", std::to_string(static_cast<int>(operation.durability)));
  return text;
}

std::string ToText(const OperationList& list) {
  std::string text;
  for (const Operation& operation : list) text += ToText(operation) + "\n";
  return text;
}

Result<OperationList> ParseOperations(std::string_view text) {
  OperationList list;
  int line_number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line_number;
    if (line.empty() || line[0] == '#') continue;
    Operation operation;
    if (!ParseLine(line, &operation))
      return Status::InvalidArgument("line " + std::to_string(line_number) + ": " +
                                     std::string(line));
    list.push_back(std::move(operation));
  }
  return list;
}

}  // namespace logwood::test
