#ifndef DOWNLINK_CCRYPT_SHIM_H
#define DOWNLINK_CCRYPT_SHIM_H
#include <crypt.h>
#endif
