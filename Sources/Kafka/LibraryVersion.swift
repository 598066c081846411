internal import CRdkafka

/// What depends on the librdkafka that is linked at run time: the one place that asks.
///
/// Built against 2.0.2 (Debian 12); the same binary runs with 2.8.0 (Debian 13).
package enum LibraryVersion {
  /// `rd_kafka_version()`: `0xMMmmrrxx`, major, minor, revision, pre-release.
  package static let number = UInt32(bitPattern: rd_kafka_version())

  /// For logs: `2.0.2`.
  package static let text = "\(number >> 24).\(number >> 16 & 0xFF).\(number >> 8 & 0xFF)"

  /// `fetch.queue.backoff.ms` came with 2.2.0. Before it, a fetcher that found its queue full
  /// slept for up to a second however soon the queue was drained: see `FetchWaker`.
  static let hasFetchQueueBackoff = number >= 0x0202_0000

  /// Before 2.1.0 `rd_kafka_seek_partitions` took its remaining milliseconds for microseconds
  /// (its changelog: "the remaining timeout was converted from microseconds to milliseconds").
  static let seekTimeoutScale: Int32 = number >= 0x0201_0000 ? 1 : 1000

  /// Before 2.3.0 destroying a client that has joined a group and was never assigned anything ends
  /// the process: "Assertion `assignor_state' failed" (its issue 4312).
  static let survivesDestroyBeforeAssignment = number >= 0x0203_0000
}
