// What the shared library shows: everything else has hidden visibility.
#pragma once

#define LOGWOOD_EXPORT [[gnu::visibility("default")]]
