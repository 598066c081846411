internal import Base

/// What holds where the file says nothing, and what the file may say. Durations in microseconds.
enum Default {
  static let outOfOrderness: Int64 = 5 * seconds
  static let allowedLateness: Int64 = 1 * minutes
  static let maxFutureSkew: Int64 = 5 * minutes
  static let deviceIdle: Int64 = 1 * hours
  /// Of `partition_idle`, which else is `device_idle`: when all fall silent at once, most often
  /// producers are being restarted, and what they send next would revise every window.
  static let partitionIdleMin: Int64 = 10 * minutes
  /// 2000-01-01: before it no device of ours had a clock; after it, clocks that start at 1970,
  /// 1980 (GPS) or at their build date's year 0 are caught.
  static let plausibleFrom = Int64(Timestamp.day(year: 2000, month: 1, day: 1)) * days

  /// One Delta version a minute is what table readers and log checkpoints are comfortable with.
  static let commitInterval: Int64 = 1 * minutes
  /// While catching up: files of 5 to 10 MB a commit, and the reference job in a quarter GB
  /// (docs/PERFORMANCE.md).
  static let commitByteCount: Int64 = 24_000_000
  static let stateInterval: Int64 = 1 * minutes
  /// A third of level 3's processor time for a few percent more bytes on telemetry
  /// (docs/PERFORMANCE.md).
  static let zstdLevel = 1
  /// What a thread of an engine scans at once (DuckDB's own size); a row group's columns are
  /// gathered in memory before they are encoded, about 130 bytes a row.
  static let rowGroupRowCount = 122_880
  /// Four commits: one gathering, one being written, and room for bursts.
  static let bufferByteCount: Int64 = 128_000_000

  /// A gateway that lost its link sends again within minutes, a second ground station within a
  /// pass.
  static let duplicatesWithin: Int64 = 1 * hours
  /// Of one partition: 280 records a second over the default hour, in 22 or 26 MB.
  static let duplicateRecords = 1_000_000

  /// Ten times what Kafka's brokers let a message be unless told otherwise.
  static let messageByteCount: Int64 = 10_000_000
  /// What Protobuf's own libraries stop at is 100; nobody nests telemetry to 64.
  static let depth = 64
  /// More than 10 MB of real samples hold, and a bound on what empty elements of two bytes cost.
  static let rowsPerRecord = 1_000_000
  /// Of one partition. Far above a fleet's share, and a bound on memory where the device is mapped
  /// from a field that is different in each message.
  static let devicesPerPartition = 1_000_000
  /// Of one partition of a narrow source: each is a series of every device.
  static let metricsPerPartition = 10_000
  /// Of one attribute in one partition. An attribute is a word of a device: even a serial number of
  /// a part of it differs no more often than devices do.
  static let attributeWordsPerPartition = 100_000

  /// A registry answers in milliseconds; one that takes longer than this is in trouble.
  static let registryTimeout: Int64 = 5 * seconds
  static let registrySubject = "{topic}-value"

  static let webhookTimeout: Int64 = 10 * seconds
  /// Below Alertmanager's `resolve_timeout` of five minutes, as often as Prometheus does.
  static let alertResend: Int64 = 1 * minutes
  static let alertAge: Int64 = 24 * hours
  /// Some megabytes of memory, and more than anybody reads.
  static let alertQueue = 10_000

  static let listen = Endpoint(host: "127.0.0.1", port: 9479)
  /// The service's own user and group.
  static let adminMode: UInt32 = 0o660
  /// The bucket of the statistical detectors. Their other defaults follow from it: see
  /// docs/DETECTORS.md.
  static let every: Int64 = 1 * minutes
  /// Of one detector in one partition. A thousand open anomalies are beyond what people read, and
  /// few enough that a wrong limit on a large fleet floods no table.
  static let openCountMax = 1000

  static let seconds: Int64 = 1_000_000
  static let minutes: Int64 = 60_000_000
  static let hours: Int64 = 3_600_000_000
  static let days: Int64 = 86_400_000_000
}

enum Allowed {
  static let outOfOrderness: ClosedRange<Int64> = 0...30 * Default.days
  static let allowedLateness: ClosedRange<Int64> = 0...400 * Default.days
  static let maxFutureSkew: ClosedRange<Int64> = Default.seconds...30 * Default.days
  static let deviceIdle: ClosedRange<Int64> = Default.seconds...400 * Default.days
  /// Below a second the proof that nothing comes takes as long as the silence.
  static let partitionIdle: ClosedRange<Int64> = Default.seconds...400 * Default.days
  static let plausibleFrom: ClosedRange<Int64> =
    0...Int64(Timestamp.day(year: 2100, month: 1, day: 1)) * Default.days

  static let windowSize: ClosedRange<Int64> = 100_000...400 * Default.days
  static let windowSlide: ClosedRange<Int64> = 100_000...400 * Default.days
  /// Windows start at multiples of the slide, in whole milliseconds.
  static let windowGrain: Int64 = 1000
  /// Slices of one window, `size / slide`: a week by the minute. Each costs an aggregate in memory
  /// per series, and each firing merges all of them.
  static let slicesPerWindowMax: Int64 = 10_080

  static let limitDuration: ClosedRange<Int64> = 1000...30 * Default.days
  static let limitReadings = 1...100_000
  static let every: ClosedRange<Int64> = Default.seconds...Default.days
  static let halfLife: ClosedRange<Int64> = Default.seconds...400 * Default.days
  static let warmUp: ClosedRange<Int64> = Default.seconds...400 * Default.days
  static let refractory: ClosedRange<Int64> = 0...400 * Default.days
  /// From what a test wants to see up to one a day among ten thousand series.
  static let falseAlarmEvery: ClosedRange<Int64> = Default.hours...10_000 * Default.days
  /// A mean of fewer buckets is never known well enough to judge by: with a half-life of 22 buckets
  /// their weights add up to less than the 30 that `SeriesJudge` asks for.
  static let bucketsPerHalfLifeMin: Int64 = 30
  /// What every tenth bucket shows is not unusual, whatever the budget.
  static let bucketsPerFalseAlarmMin: Int64 = 10
  static let openCount = 1...1_000_000
  static let silenceAfter: ClosedRange<Int64> = Default.seconds...400 * Default.days

  static let commitInterval: ClosedRange<Int64> = Default.seconds...Default.hours
  static let commitByteCount: ClosedRange<Int64> = 1_000_000...64_000_000_000
  static let stateInterval: ClosedRange<Int64> = Default.seconds...Default.hours
  static let zstdLevel = 1...22
  static let rowGroupRowCount = 1000...100_000_000
  static let bufferByteCount: ClosedRange<Int64> = 8_000_000...256_000_000_000
  static let lanes = 1...256

  static let duplicatesWithin: ClosedRange<Int64> = Default.seconds...14 * Default.days
  static let duplicateRecords = 1...16_000_000
  /// Below 16 MiB: what the columns of texts can tell of one.
  static let messageByteCount: ClosedRange<Int64> = 1000...16_000_000
  static let depth = 1...64
  static let rowsPerRecord = 1...100_000_000
  static let devicesPerPartition = 1...100_000_000
  static let metricsPerPartition = 1...10_000_000
  static let attributeWordsPerPartition = 1...100_000_000

  static let webhookTimeout: ClosedRange<Int64> = 100_000...5 * Default.minutes
  static let alertResend: ClosedRange<Int64> = Default.seconds...24 * Default.hours
  static let alertAge: ClosedRange<Int64> = Default.minutes...400 * Default.days
  static let alertQueue = 100...1_000_000
  static let registryTimeout: ClosedRange<Int64> = 100_000...5 * Default.minutes
  static let descriptorSetByteCountMax = 16 << 20
  static let secretByteCountMax = 64 << 10
  static let bcryptCost = 4...16
  /// `sun_path` of unix(7), less the NUL at its end.
  static let socketPathByteCountMax = 107
}
