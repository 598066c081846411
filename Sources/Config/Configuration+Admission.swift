extension Configuration {
  /// When a record of a source is one that was there before.
  package struct Deduplication: Hashable, Sendable {
    /// What two records must have in common.
    package enum Key: String, ConfigWord {
      case sequence
      case payload
    }

    package let by: Key
    /// How long a record makes later ones duplicates; microseconds, whole milliseconds.
    package let withinMicros: Int64
    /// Records remembered in a partition at most.
    package let recordCountMax: Int
  }

  /// What one record, and all records of a partition together, may bring. Beyond it is a dead
  /// letter.
  package struct RecordLimits: Hashable, Sendable {
    /// Bytes of one message.
    package let messageByteCountMax: Int64
    /// Messages and groups within each other.
    package let depthMax: Int
    /// Rows of one record.
    package let rowCountMax: Int
    /// Devices of a partition.
    package let deviceCountMax: Int
    /// Metric names of a partition of a narrow source.
    package let metricCountMax: Int
    /// Words of each attribute of a partition.
    package let attributeWordCountMax: Int

    package static let standard = RecordLimits(
      messageByteCountMax: Default.messageByteCount, depthMax: Default.depth,
      rowCountMax: Default.rowsPerRecord, deviceCountMax: Default.devicesPerPartition,
      metricCountMax: Default.metricsPerPartition,
      attributeWordCountMax: Default.attributeWordsPerPartition)

    /// Those that count things, with their keys.
    var counts: [(key: String, count: Int)] {
      [
        ("depth", depthMax), ("rows", rowCountMax), ("devices", deviceCountMax),
        ("metrics", metricCountMax), ("attributes", attributeWordCountMax),
      ]
    }
  }
}
