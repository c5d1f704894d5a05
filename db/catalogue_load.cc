#include "db/catalogue_load.h"

#include "db/damage.h"
#include "db/file_names.h"
#include "util/batch_codec.h"
#include "util/file_header.h"
#include "util/reserved_operator.h"
#include "util/status_macros.h"
#include "wal/segment_reader.h"
#include "wal/segments.h"

namespace logwood {

namespace {

Status ApplyAt(const SegmentReader& reader, const SegmentSummary& segment, uint64_t offset,
               std::string_view operations, LogPos position, Catalogue* catalogue) {
  Status applied = catalogue->Apply(operations, position);
  if (applied.ok()) return applied;
  const std::string where = LogFileName(segment.number) + ":" + std::to_string(offset);
  return WithWriter(applied.WithContext(where), reader.file_writer());
}

// The segment's records that change the catalogue, up to `last`. Fails where not all can be read.
Status ApplyRecords(SegmentReader* reader, const SegmentSummary& segment, LogPos last,
                    Catalogue* catalogue) {
  reader->LimitTo(segment.length);
  LogPos position = reader->header().first_position - 1;
  const LogPos end = std::min(segment.last_position, last);
  CommitRecord record;
  while (position < end) {
    const SegmentReader::Outcome outcome = reader->Next(&record);
    if (outcome != SegmentReader::Outcome::kRecord) {
      const Status why = reader->status();
      return !why.ok() ? why
                       : Status::Corruption(LogFileName(segment.number) + ":" +
                                            std::to_string(reader->offset()) +
                                            ": the segment ends too early");
    }
    position = record.position;
    if ((record.flags & kFlagCatalogue) == 0) continue;
    RETURN_IF_ERROR(
        ApplyAt(*reader, segment, reader->offset(), record.operations, position, catalogue));
  }
  return Status::Ok();
}

}  // namespace

Status ReadCatalogueFromLog(FileSystem* fs, const std::string& path,
                            const std::vector<SegmentSummary>& segments, LogPos last,
                            Catalogue* catalogue) {
  // Back to the newest that begins with a readable catalogue.
  size_t from = segments.size();
  Status why = Status::Corruption(path + ": no log segment is there");
  while (from > 0) {
    const SegmentSummary& segment = segments[--from];
    auto reader = SegmentReader::Open(fs, JoinPath(path, LogFileName(segment.number)));
    why = reader.ok() ? (*reader)->catalogue_status() : reader.status();
    if (!why.ok() && !IsDamage(why)) return why;
    if (!why.ok()) continue;
    const SegmentHeader& header = (*reader)->header();
    RETURN_IF_ERROR(ApplyAt(**reader, segment, kCatalogueOffset, header.catalogue,
                            header.catalogue_position, catalogue));
    RETURN_IF_ERROR(ApplyRecords(reader->get(), segment, last, catalogue));
    break;
  }
  RETURN_IF_ERROR(std::move(why));
  for (size_t i = from + 1; i < segments.size(); ++i) {
    if (segments[i].first_position != segments[i - 1].last_position + 1) {
      return Status::Corruption(LogFileName(segments[i].number) +
                                ":0: a segment before it is gone");
    }
    ASSIGN_OR_RETURN(auto reader,
                     SegmentReader::Open(fs, JoinPath(path, LogFileName(segments[i].number))));
    RETURN_IF_ERROR(ApplyRecords(reader.get(), segments[i], last, catalogue));
  }
  // Tables may hold more than a log that lost its end, or is an older copy.
  if (segments.back().last_position < last) {
    return Status::Corruption(
        LogFileName(segments.back().number) + ":" + std::to_string(segments.back().length) +
        ": the log ends at position " + std::to_string(segments.back().last_position) + ", " +
        std::to_string(last) + " is needed");
  }
  return Status::Ok();
}

void LoadOperators(Core* core, const std::shared_ptr<const Version>& tables) {
  if (tables->Overlapping(Catalogue::Range()).empty()) return;
  const View view{std::make_shared<Memtable>(), {}, tables};
  const auto tree = view.NewIterator(&core->tables, {}, Catalogue::Range(), kPositionMax);
  Catalogue::LoadOperators(tree.get(), &core->catalogue.operators());
}

Status CheckKeyspaceOptions(const std::map<std::string, KeyspaceOptions>& keyspaces) {
  for (const auto& [name, options] : keyspaces) {
    const std::string what = "keyspaces: \"" + name + "\": ";
    if (name.empty() || name.size() > kKeyspaceNameBytesMax) {
      return Status::InvalidArgument(what + "a name has 1 to " +
                                     std::to_string(kKeyspaceNameBytesMax) + " bytes");
    }
    if (options.ttl != std::chrono::microseconds(0)) {
      RETURN_IF_ERROR(CheckTtl(options.ttl).WithContext("keyspaces: \"" + name + "\""));
    }
    if (options.merge_operator != nullptr &&
        !MergeOperator::IsName(options.merge_operator->name())) {
      return Status::InvalidArgument(what + "its merge operator's name has 1 to " +
                                     std::to_string(kMergeOperatorNameBytesMax) +
                                     " bytes of [a-z0-9_.-]");
    }
    if (options.merge_operator != nullptr && !MayHaveItsName(*options.merge_operator)) {
      const std::string given(options.merge_operator->name());
      std::string why = what + "its merge operator's name \"";
      why.append(given).append(
          "\" is kept for built-in ones: begin it with a word of your own and ");
      why.append("a dot, as in \"acme.").append(given).append("\"");
      return Status::InvalidArgument(why);
    }
  }
  return Status::Ok();
}

void GiveOperators(const std::map<std::string, KeyspaceOptions>& keyspaces, Core* core) {
  std::vector<std::shared_ptr<const MergeOperator>> given;
  for (const auto& [name, options] : keyspaces) {
    if (options.merge_operator != nullptr) given.push_back(options.merge_operator);
  }
  core->catalogue.operators().Give(std::move(given));
}

Status CheckOperatorsFit(const std::map<std::string, KeyspaceOptions>& keyspaces,
                         const Catalogue& catalogue) {
  for (const auto& [name, options] : keyspaces) {
    const std::optional<KeyspaceInfo> info = catalogue.Find(name);
    if (!info || options.merge_operator == nullptr) continue;
    const auto recorded = catalogue.operators().RecordedOf(info->keyspace.number());
    const MergeOperator& given = *options.merge_operator;
    if (!recorded || (recorded->name == given.name() && recorded->version == given.version())) {
      continue;
    }
    return Status::InvalidArgument(
        "keyspaces: \"" + name + "\" has the merge operator " + recorded->name + ", version " +
        std::to_string(recorded->version) + ", and not " + std::string(given.name()) +
        ", version " + std::to_string(given.version()) +
        "; open with that one, or with none for this keyspace, and copy its values into a new "
        "keyspace (docs/guide/merge.md, Another version)");
  }
  return Status::Ok();
}

Status LoadCatalogue(Core* core, const View& view, const std::vector<SegmentSummary>& segments,
                     LogPos last, Status* damage) {
  auto tree = view.NewIterator(&core->tables, {}, Catalogue::Range(), kPositionMax);
  *damage = core->catalogue.Load(tree.get(), last);
  if (damage->ok() || !damage->Is(StatusCode::kCorruption)) return WithWriter(*damage, 0);
  Status from_log = ReadCatalogueFromLog(core->fs, core->path, segments, last, &core->catalogue);
  if (from_log.ok() || !IsDamage(from_log)) return from_log;
  return Status::Corruption(
      std::string(damage->message()) + ": the keyspaces cannot be read here, nor from the log (" +
      std::string(from_log.message()) + "); `logwood salvage` copies what can be read");
}

}  // namespace logwood
