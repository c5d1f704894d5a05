// Whose a file is, by its first bytes. A name alone is not enough to remove a file, or to take its
// directory for a database's.
#pragma once

#include <string>

#include "logwood/file_system.h"

namespace logwood {

// Whether it begins as ROOT, manifests, tables and log segments do: also one of a newer format, or
// one that is damaged behind its first bytes.
Result<bool> BeginsAsOurs(FileSystem* fs, const std::string& path);

// Whether a file of `directory` has a name of ours (db/file_names.h) and begins as such a file, or
// as what a crash leaves of one: with zeros, or too short to tell. A LOCK of ours is empty.
Result<bool> MayBeOurs(FileSystem* fs, const std::string& directory, const std::string& name);

}  // namespace logwood
