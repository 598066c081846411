package import Telemetry

/// What the detectors of one source cost in memory, before anything runs: for `check`.
///
/// The figures are for devices in which nothing is the matter. What goes on for a series takes
/// `bytesPerAnomaly` more, open or not yet counted; a device in a summary of silence 4.
package struct DetectorPlan: Sendable {
  /// Bytes of a device apart from its series.
  package let bytesPerDevice: Int
  /// Bytes of all series of a device of a wide source together; of a narrow one, of one series that
  /// every detector watches. They are the judges and open buckets of statistical detectors: limits
  /// and silence need nothing a series.
  package let bytesOfBuckets: Int
  /// Metrics that some detector watches: of a device of a wide source; 1 for a narrow one.
  package let watchedMetricCount: Int
  /// Buckets of the finest length that a device has open; 0 without any.
  package let openBucketCount: Int
  /// Bytes of a series on which something goes on.
  package let bytesPerAnomaly = MemoryLayout<ActiveSlot>.stride
  private let isNarrow: Bool

  /// The definitions have different names, and their numbers were checked.
  package init(
    schema: ReadingSchema, definitions: [DetectorDefinition], outOfOrdernessMicros: Int64
  ) {
    var set = DetectorSet(schema: schema, definitions: definitions)
    isNarrow = schema.isNarrow
    var shape: SeriesShape?
    if schema.isNarrow {
      let watchers = definitions.indices.filter { definitions[$0].metric != nil }
      let number = set.shape(watchers: watchers)
      if number >= 0 { shape = set.shapes[number] }
    } else {
      shape = set.shapes[0]
    }
    watchedMetricCount = shape?.columns.count ?? 0
    var bytes = 0
    var openCounts: [Int] = []
    for grid in shape?.grids ?? [] {
      let count = Int(outOfOrdernessMicros / grid.everyMicros) + 2
      openCounts.append(min(count, BucketBlock.openCountMax))
      bytes += BucketBlock.byteCount(
        columnCount: grid.places.count, judgeCount: grid.judgeCount,
        capacity: min(count, BucketBlock.openCountMax))
    }
    // The place in the index, at most half full, and in the device's list.
    if schema.isNarrow, bytes > 0 { bytes += MemoryLayout<BucketSeries>.stride + 24 + 4 }
    bytesOfBuckets = bytes
    openBucketCount = openCounts.max() ?? 0
    var deviceBytes = MemoryLayout<DeviceState>.stride + MemoryLayout<SlotList>.stride
    deviceBytes += 4 * schema.attributes.count
    if schema.isNarrow { deviceBytes += MemoryLayout<[UInt32]>.stride }
    if !set.silences.isEmpty { deviceBytes += RecencyList.bytesPerDevice }
    bytesPerDevice = definitions.isEmpty ? 0 : deviceBytes
  }

  /// Bytes a series has on average, its share of the device included; 0 where nothing is watched.
  /// A narrow source says how many watched metrics a device has; a wide one knows.
  package func bytesPerSeries(metricsPerDevice: Int = 1) -> Double {
    let count = isNarrow ? metricsPerDevice : watchedMetricCount
    if count == 0 { return 0 }
    let copies = isNarrow ? metricsPerDevice : 1
    return Double(bytesPerDevice + bytesOfBuckets * copies) / Double(count)
  }
}
