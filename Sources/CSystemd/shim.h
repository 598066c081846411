#ifndef DOWNLINK_CSYSTEMD_SHIM_H
#define DOWNLINK_CSYSTEMD_SHIM_H
#include <systemd/sd-daemon.h>
// Without this the header wants CODE_FILE, CODE_LINE and CODE_FUNC through macros.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif
