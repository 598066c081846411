import Base
import Detectors
import Glibc
import Telemetry

/// One random history of a partition and detectors to watch it.
struct Scenario {
  let schema: ReadingSchema
  let definitions: [DetectorDefinition]
  let outOfOrderness: Int64
  let records: [TestRecord]

  /// `DETECTORS_SEEDS` in the environment asks for more than the usual number of histories.
  static let seedMax: UInt64 = {
    let asked = unsafe getenv("DETECTORS_SEEDS").flatMap { unsafe UInt64(String(cString: $0)) }
    return asked ?? 60
  }()

  private static let metrics = ["volt_a", "amp_b", "volt_c", "temp_d", "volt_e"]

  init(seed: UInt64, recordCount: Int = 500) {
    var random = SplitMix64(seed: seed)
    let isNarrow = random.chance(0.4)
    let width = Int.random(in: 1...5, using: &random)
    let types = (0..<width).map { _ in random.pick([.double, .double, .float, .int32, .int64]) }
      as [MetricType]
    schema = isNarrow
      ? narrowSchema : wideSchema(Array(Self.metrics.prefix(width)), types: types)
    definitions = Self.definitions(&random)
    outOfOrderness = random.pick([0, 3, 25]) * second
    records = Self.records(recordCount, schema, &random)
  }

  static func definitions(_ random: inout SplitMix64) -> [DetectorDefinition] {
    var definitions: [DetectorDefinition] = []
    for number in 0..<Int.random(in: 0...3, using: &random) {
      definitions.append(limits("limits-\(number)", &random))
    }
    for number in 0..<Int.random(in: 0...2, using: &random) {
      definitions.append(
        silence(
          "silence-\(number)", after: random.pick([5, 20, 60, 300]) * second,
          cap: random.pick([1, 3, 10, 1_000])))
    }
    for number in 0..<Int.random(in: 0...3, using: &random) {
      definitions.append(
        statistical(
          "statistical-\(number)", kind: random.pick(StatisticalRule.Kind.allCases),
          metric: random.pick(["*", "volt_*", "*_a", "amp_b"]),
          every: random.pick([1, 2, 5]) * second, cap: random.pick([1, 2, 100])))
    }
    return definitions.shuffled(using: &random)
  }

  private static func limits(
    _ name: String, _ random: inout SplitMix64
  ) -> DetectorDefinition {
    let warning: (Double?, Double?)? = random.pick([(-10, 10), (nil, 8), (-6, nil), nil])
    let critical: (Double?, Double?)? = random.pick([(-15, 15), (nil, 12), (-20, nil), nil])
    let persistence: LimitsRule.Persistence = random.pick([
      .readings(1), .readings(2), .readings(4), .duration(micros: 0),
      .duration(micros: 3 * second), .duration(micros: 15 * second),
    ])
    return DetectorsTests.limits(
      name, metric: random.pick(["*", "volt_*", "*_c", "amp_b"]), warning: warning,
      critical: critical, margin: random.pick([0, 1, 4]), for: persistence,
      cap: random.pick([1, 2, 5, 100]))
  }

  private static func records(
    _ count: Int, _ schema: ReadingSchema, _ random: inout SplitMix64
  ) -> [TestRecord] {
    var clock: Int64 = 1_700_000_000 * second
    let isCrowd = random.chance(0.3)
    let deviceCount = isCrowd ? 70 : Int.random(in: 1...4, using: &random)
    let hasNulls = random.chance(0.5)
    // A calm history long enough for statistical detectors to know what is usual.
    let isCalm = random.chance(0.5)
    let outlierChance = isCalm ? 0.01 : 0.05
    var (level, storm) = (0.0, 0.0)
    return (0..<count).map { index in
      clock += isCrowd
        ? Int64.random(in: 0...(second / 20), using: &random)
        : Int64.random(in: 0...(2 * second), using: &random)
      if random.chance(isCalm ? 0.002 : 0.01) {
        clock += Int64.random(in: 0...(10 * minute), using: &random)
      }
      if random.chance(isCalm ? 0 : 0.003) { clock -= Int64.random(in: 0...hour, using: &random) }
      if random.chance(isCalm ? 0.004 : 0.02) {
        level = Double(Int.random(in: -20...20, using: &random))
      }
      // Worse from record to record, for a while.
      storm = storm == 0 ? (random.chance(0.006) ? 8 : 0) : storm > 5_000 ? 0 : storm * 2
      let name = "device-\(Int.random(in: 0..<deviceCount, using: &random))"
      var record = TestRecord(device: random.chance(0.97) ? name : nil)
      record.clock = index < 3 && random.chance(0.3) ? .min : clock
      if random.chance(0.3) { record.attributes = [random.pick(["north", "south"]), nil] }
      if record.device == nil {
        record.outcome = .dead
      } else if random.chance(0.03) {
        record.outcome = .empty
      } else {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          record.rows.append(
            row(
              near: clock, level: level + storm, schema, hasNulls: hasNulls,
              outlierChance: outlierChance, &random))
        }
      }
      return record
    }
  }

  private static func row(
    near clock: Int64, level: Double, _ schema: ReadingSchema, hasNulls: Bool,
    outlierChance: Double, _ random: inout SplitMix64
  ) -> TestRow {
    var time = clock
    if random.chance(0.3) { time -= Int64.random(in: 0...(10 * second), using: &random) }
    if random.chance(0.03) { time -= Int64.random(in: 0...(5 * minute), using: &random) }
    if random.chance(0.01) { time += Int64.random(in: 0...minute, using: &random) }
    if random.chance(0.5) { time = Timestamp.floor(time, toMultipleOf: second) }
    let values: [Double?] = schema.metrics.map { metric in
      if hasNulls, random.chance(0.1) { return nil }
      if hasNulls, metric.type.isFloatingPoint, random.chance(0.02) {
        return random.pick([.nan, .infinity])
      }
      let noise = Double(Int.random(in: -400...400, using: &random)) / 100
      let value = level + noise + (random.chance(outlierChance) ? 18 : 0)
      return metric.type.isFloatingPoint ? value : value.rounded()
    }
    var flags: ReadingFlags = []
    if random.chance(0.02) { flags = random.pick([.future, .beforePlausible]) }
    return TestRow(time: time, values: values, metric: random.pick(metrics), flags: flags)
  }
}
