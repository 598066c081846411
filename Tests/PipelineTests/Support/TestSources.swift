import Base
import Decode
import Detectors
import Ledger
import Logging
import Parquet
import Windows

@testable import Pipeline

/// The two built-in message types as sources, with windows short enough that a few records fire.
enum TestSources {
  static let plausibleFromMicros: Int64 = 946_684_800_000_000
  /// 2026-09-21T13:20:00Z, a multiple of the windows' slides.
  static let startMillis: Int64 = 1_790_000_400_000

  private static let wideMapping = MessageMapping(
    source: "snapshots", messageName: "fleet.telemetry.v1.DeviceTelemetry",
    device: .field("device_id"), time: .init(field: "time_unix_ms", unit: .milliseconds),
    sequence: "sequence", attributes: [.init(field: "region"), .init(field: "firmware")],
    plausibleFromMicros: plausibleFromMicros)

  private static let narrowMapping = MessageMapping(
    source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
    device: .field("device_id"), time: .init(field: "samples.time_unix_us", unit: .microseconds),
    attributes: [.init(field: "region"), .init(field: "model")],
    narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
    plausibleFromMicros: plausibleFromMicros)

  static let eventTime = EventTimeOptions(
    outOfOrdernessMicros: 1_000_000, allowedLatenessMicros: 20_000_000,
    maxFutureSkewMicros: 300_000_000, deviceIdleMicros: 60_000_000)

  static let tenSeconds = WindowDefinition(
    name: "10s", sizeMicros: 10_000_000, slideMicros: 10_000_000)
  static let sliding = WindowDefinition(
    name: "30s", sizeMicros: 30_000_000, slideMicros: 10_000_000,
    aggregates: [.mean, .min, .last], metricGlobs: ["battery_*", "a"])

  /// - Parameters:
  ///   - metrics: fields, or names of columns; nil for all.
  ///   - types: the field of a column that is not called like it.
  ///   - attributes: fields; nil for region and firmware.
  static func wide(
    windows: [WindowDefinition] = [tenSeconds, sliding], topics: [String] = ["telemetry"],
    detectors: [DetectorDefinition] = [], metrics: [String]? = nil, types: [String: String] = [:],
    attributes: [String]? = nil
  ) throws -> SourceOptions {
    var mapping = wideMapping
    if let attributes { mapping.attributes = attributes.map { .init(field: $0) } }
    if let metrics {
      mapping.metrics = .list(metrics.map { .init(field: types[$0] ?? $0, name: $0) })
    }
    return SourceOptions(
      topics: topics, plan: try DecodePlan(mapping), windows: windows, eventTime: eventTime,
      detectors: detectors)
  }

  /// The wide source with envelopes around its messages.
  static func enveloped() throws -> SourceOptions {
    var mapping = wideMapping
    mapping.envelope = .confluent
    var source = try wide()
    source.plan = try DecodePlan(mapping)
    return source
  }

  static func narrow(
    detectors: [DetectorDefinition] = [], attributes: [String]? = nil
  ) throws -> SourceOptions {
    var mapping = narrowMapping
    if let attributes { mapping.attributes = attributes.map { .init(field: $0) } }
    return SourceOptions(
      topics: ["samples"], plan: try DecodePlan(mapping), windows: [tenSeconds],
      eventTime: eventTime, detectors: detectors)
  }

  static func options(
    sources: [SourceOptions]? = nil, lanes: Int = 1, commitByteCount: Int = 1 << 20,
    intervalMillis: Int = 10_000, stateIntervalMillis: Int = 3_600_000,
    stateInputByteCount: Int = 1 << 30, onPositionLost: PipelineOptions.PositionLostPolicy = .stop,
    start: PipelineOptions.StartPolicy = .earliest, rowGroupRowCountMax: Int = 1000
  ) throws -> PipelineOptions {
    PipelineOptions(
      pipeline: "fleet", program: "test", configFingerprint: "fingerprint",
      sources: try sources
        ?? [wide(detectors: wideDetectors), narrow(detectors: narrowDetectors)],
      start: start, onPositionLost: onPositionLost,
      laneCount: lanes,
      commit: CommitOptions(
        intervalMillis: intervalMillis, byteCount: commitByteCount,
        stateIntervalMillis: stateIntervalMillis, stateInputByteCount: stateInputByteCount,
        openDateCount: 64),
      parquet: ParquetWriterOptions(createdBy: "downlinkd version 0.1.0 (build test)"),
      rowGroupRowCountMax: rowGroupRowCountMax)
  }

  static let silentLog = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension OutputPool {
  /// A pool that keeps everything.
  static var test: OutputPool { OutputPool(byteCountMax: .max) }
}

/// One Kafka record of a test, or what stands in its place.
struct TestRecord: Sendable {
  var key: [UInt8]?
  var payload: [UInt8]?
  var timestampMicros: Int64
  var hasAppendTime = false
  var headersJSON: String?
  /// A transaction marker or a compacted record: it has an offset and is never delivered.
  var isUndelivered = false

  /// A snapshot of one device, `second` seconds into the test; Kafka stamps the same time.
  static func wide(
    _ device: String, second: Double, sequence: UInt64 = 1, region: String? = "eu",
    firmware: String? = nil, metrics: [Double?] = [1], kafkaSecond: Double? = nil
  ) -> TestRecord {
    let millis = TestSources.startMillis + Int64(second * 1000)
    var writer = ByteWriter()
    TelemetryEncoder.append(
      DeviceTelemetryMessage(
        deviceID: device, timeUnixMillis: UInt64(millis), region: region, firmware: firmware,
        sequence: sequence, metrics: metrics), to: &writer)
    let kafkaMillis = TestSources.startMillis + Int64((kafkaSecond ?? second) * 1000)
    return TestRecord(
      key: Array(device.utf8), payload: writer.bytes, timestampMicros: kafkaMillis * 1000)
  }

  /// Samples of one device: (seconds into the test, metric, value).
  static func narrow(
    _ device: String, _ samples: [(second: Double, metric: String?, value: Double?)],
    model: String? = "m1", region: String? = "us"
  ) -> TestRecord {
    let start = TestSources.startMillis * 1000
    var writer = ByteWriter()
    TelemetryEncoder.append(
      TelemetryBatchMessage(
        deviceID: device, region: region, model: model,
        samples: samples.map { sample in
          .init(
            timeUnixMicros: UInt64(start + Int64(sample.second * 1_000_000)),
            metric: sample.metric, value: sample.value)
        }), to: &writer)
    let last = samples.map(\.second).max() ?? 0
    return TestRecord(
      key: Array(device.utf8), payload: writer.bytes,
      timestampMicros: start + Int64(last * 1_000_000))
  }

  static func bytes(_ payload: [UInt8]?, second: Double = 0) -> TestRecord {
    TestRecord(
      key: [1, 2], payload: payload,
      timestampMicros: TestSources.startMillis * 1000 + Int64(second * 1_000_000),
      headersJSON: #"[{"key":"h","value":"AQ=="}]"#)
  }

  static let undelivered = TestRecord(timestampMicros: 0, isUndelivered: true)
}
