#ifndef DOWNLINK_CZSTD_SHIM_H
#define DOWNLINK_CZSTD_SHIM_H
#include <zstd.h>
#endif
