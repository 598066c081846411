#ifndef DOWNLINK_CRDKAFKA_SHIM_H
#define DOWNLINK_CRDKAFKA_SHIM_H
#include <librdkafka/rdkafka.h>
#endif
