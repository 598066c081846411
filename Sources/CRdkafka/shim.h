#ifndef DOWNLINK_CRDKAFKA_SHIM_H
#define DOWNLINK_CRDKAFKA_SHIM_H
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* Variadic in C, so out of Swift's reach: one (error, delay) pair onto a mock broker's stack. */
static inline rd_kafka_resp_err_t downlink_mock_broker_push_error(
    rd_kafka_mock_cluster_t *cluster, int32_t broker, int16_t api_key,
    rd_kafka_resp_err_t error, int delay_ms) {
  return rd_kafka_mock_broker_push_request_error_rtts(
      cluster, broker, api_key, (size_t)1, error, delay_ms);
}
#endif
