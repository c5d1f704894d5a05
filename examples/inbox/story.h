// The example as a story that checks itself: messages for some users, read, deleted, expired.
#pragma once

#include <cstddef>

#include "inbox.h"

// An error: at some step the inbox does not hold what it must.
logwood::Status Story(Inbox& inbox, size_t messages_each);
