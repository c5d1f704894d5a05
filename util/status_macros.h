// Early return for errors; the happy path runs down the left margin.
#pragma once

#include "logwood/status.h"

#define LOGWOOD_CONCAT_INNER(a, b) a##b
#define LOGWOOD_CONCAT(a, b) LOGWOOD_CONCAT_INNER(a, b)

// RETURN_IF_ERROR(file->Sync());
#define RETURN_IF_ERROR(expression)                        \
  do {                                                     \
    ::logwood::Status status_of_expression = (expression); \
    if (!status_of_expression.ok()) [[unlikely]]           \
      return status_of_expression;                         \
  } while (false)

// ASSIGN_OR_RETURN(auto file, fs->OpenRandomAccess(path));
#define ASSIGN_OR_RETURN(declaration, expression)                 \
  auto LOGWOOD_CONCAT(result_, __LINE__) = (expression);          \
  if (!LOGWOOD_CONCAT(result_, __LINE__).ok()) [[unlikely]]       \
    return std::move(LOGWOOD_CONCAT(result_, __LINE__)).status(); \
  declaration = std::move(LOGWOOD_CONCAT(result_, __LINE__)).value()
