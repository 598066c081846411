import Base
import Decode
import Detectors
import Duplicates
import Parquet
import Pipeline
import Windows

/// The configuration of a simulated pipeline: both built-in messages, windows short enough that a
/// few records fire, detectors impatient enough that a few find something.
enum ScenarioSources {
  static let wideTopic = "telemetry"
  static let narrowTopic = "samples"

  private static let plausibleFromMicros: Int64 = 946_684_800_000_000
  private static let second: Int64 = 1_000_000

  private static let eventTime = EventTimeOptions(
    outOfOrdernessMicros: second, allowedLatenessMicros: 20 * second,
    maxFutureSkewMicros: 300 * second, deviceIdleMicros: 60 * second)

  private static let tenSeconds = WindowDefinition(
    name: "10s", sizeMicros: 10 * second, slideMicros: 10 * second)
  private static let sliding = WindowDefinition(
    name: "30s", sizeMicros: 30 * second, slideMicros: 10 * second,
    aggregates: [.mean, .min, .last], metricGlobs: ["battery_*", "a"])

  /// Less than what a device may send again lies back, so that some of it counts again.
  static let duplicatesWithinMillis: Int64 = 30_000

  /// More records than a scenario has: what is due would depend on which are forgotten early.
  private static func duplicates(by key: DuplicateRule.Key) -> DuplicateRule {
    DuplicateRule(by: key, withinMillis: duplicatesWithinMillis, recordCountMax: 100_000)
  }

  /// - Parameter edition: of the configuration, which is edited while it runs.
  static func sources(
    of plan: ScenarioPlan, _ edition: ConfigurationEdition
  ) throws -> [SourceOptions] {
    let catalogue = plan.hasOwnSchema ? try OwnSchema.catalogue() : MessageCatalogue.builtIn
    var sources = [
      SourceOptions(
        topics: [wideTopic],
        plan: try DecodePlan(wideMapping(of: plan, edition), catalogue: catalogue),
        windows: [tenSeconds, sliding], eventTime: eventTime,
        detectors: edition == .changed ? changedDetectors : wideDetectors,
        duplicates: plan.leavesOutDuplicates ? duplicates(by: .sequence) : nil)
    ]
    if plan.narrowPartitionCount > 0 {
      sources.append(
        SourceOptions(
          topics: [narrowTopic],
          plan: try DecodePlan(narrowMapping(of: plan, edition), catalogue: catalogue),
          windows: [tenSeconds], eventTime: eventTime, detectors: narrowDetectors,
          duplicates: plan.leavesOutDuplicates ? duplicates(by: .payload) : nil))
    }
    for index in sources.indices {
      sources[index].flood = plan.flood
      sources[index].partitionIdleMillis = plan.partitionIdleMillis
    }
    return sources
  }

  private static func wideMapping(
    of plan: ScenarioPlan, _ edition: ConfigurationEdition
  ) -> MessageMapping {
    var wide = MessageMapping(
      source: "snapshots", messageName: "fleet.telemetry.v1.DeviceTelemetry",
      device: edition == .mended ? .recordKey : .field("device_id"),
      time: .init(field: "time_unix_ms", unit: .milliseconds),
      sequence: "sequence", attributes: [.init(field: "region"), .init(field: "firmware")],
      plausibleFromMicros: plausibleFromMicros)
    wide.envelope = plan.hasEnvelopes ? .confluent : .none
    if plan.hasOwnSchema {
      wide.messageName = OwnSchema.wideName
      wide.metrics = .list(OwnSchema.wideMetrics)
    }
    return wide
  }

  private static func narrowMapping(
    of plan: ScenarioPlan, _ edition: ConfigurationEdition
  ) -> MessageMapping {
    let time =
      edition == .mended
      ? MessageMapping.Time(field: "$timestamp")
      : .init(
        field: plan.hasOwnSchema ? "time_unix_us" : "samples.time_unix_us", unit: .microseconds)
    var narrow = MessageMapping(
      source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
      device: edition == .mended ? .recordKey : .field("device_id"), time: time,
      attributes: [.init(field: "region"), .init(field: "model")],
      narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
      plausibleFromMicros: plausibleFromMicros)
    if plan.hasOwnSchema {
      narrow.messageName = OwnSchema.narrowName
      narrow.rows = "values"
      narrow.narrowMetric = .init(nameField: "values.key", valueField: "values.value")
    }
    return narrow
  }

  // MARK: - Envelopes

  /// What every schema id of the wide topic means: the file whose second message is the source's.
  static func schema(isOwn: Bool) throws -> SchemaOutline {
    try SchemaOutline(
      text: isOwn
        ? "package \(OwnSchema.package); message Values {} message Snapshot {}"
        : """
        syntax = "proto3"; package fleet.telemetry.v1;
        message TelemetryBatch {} message DeviceTelemetry {}
        """)
  }

  /// A wide message in an envelope; the schema id changes every few records.
  static func enveloped(_ message: [UInt8], recordNumber: Int) -> [UInt8] {
    [0, 0, 0, 0, UInt8(1 + recordNumber / 10 % 7), 2, 2] + message
  }

  // MARK: - Detectors

  private static let wideDetectors = [
    limits("high", metric: "battery_voltage_v", warningAbove: 4, criticalAbove: 4.8),
    silence(afterSeconds: 15),
    statistical("spike", .spike), statistical("jump", .jump), statistical("shift", .shift),
  ]

  private static let changedDetectors = [
    limits("high", metric: "battery_voltage_v", warningAbove: 3, criticalAbove: 4.5),
    silence(afterSeconds: 20), statistical("jump", .jump),
  ]

  private static let narrowDetectors = [
    limits("high", metric: "a", warningAbove: 8, criticalAbove: 8.9),
    silence(afterSeconds: 5), statistical("any-jump", .jump, metric: "*"),
  ]

  private static func limits(
    _ name: String, metric: String, warningAbove: Double, criticalAbove: Double
  ) -> DetectorDefinition {
    DetectorDefinition(
      name: name, metric: Glob(metric),
      rule: .limits(
        LimitsRule(
          warning: .init(low: nil, high: warningAbove),
          critical: .init(low: nil, high: criticalAbove), clearMargin: 0.5,
          persistence: .readings(1))), openCountMax: 3)
  }

  private static func silence(afterSeconds: Int64) -> DetectorDefinition {
    DetectorDefinition(
      name: "quiet", metric: nil, rule: .silence(SilenceRule(afterMicros: afterSeconds * second)),
      openCountMax: 100)
  }

  private static func statistical(
    _ name: String, _ kind: StatisticalRule.Kind, metric: String = "battery_*"
  ) -> DetectorDefinition {
    DetectorDefinition(
      name: name, metric: Glob(metric),
      rule: .statistical(
        StatisticalRule(
          kind: kind, everyMicros: second, halfLifeMicros: 60 * second,
          fastHalfLifeMicros: 4 * second, warmUpMicros: 10 * second, refractoryMicros: 4 * second,
          falseAlarmEveryMicros: 20 * second, changeMin: 0)), openCountMax: 100)
  }
}
