#ifndef DOWNLINK_CSYSTEMD_SHIM_H
#define DOWNLINK_CSYSTEMD_SHIM_H
#include <systemd/sd-daemon.h>
#endif
