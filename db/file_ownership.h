// Whose a file is, by its first bytes. A name alone is not enough to remove a file, or to take its
// directory for a database's.
#pragma once

#include <string>
#include <vector>

#include "logwood/file_system.h"

namespace logwood {

// Whether it begins as ROOT, manifests, tables and log segments do: also one of a newer format, or
// one that is damaged behind its first bytes.
Result<bool> BeginsAsOurs(FileSystem* fs, const std::string& path);

// The first of `names`, files of `directory`, that has a name of ours (db/file_names.h) and does
// not hold nothing, zeros, or the beginning of what is ours; empty: there is none.
Result<std::string> FindForeignFile(FileSystem* fs, const std::string& directory,
                                    const std::vector<std::string>& names);

}  // namespace logwood
