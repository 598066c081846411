// How fast detectors take readings, on one core: devices report once a second, in turn.
//
//     DetectorsBenchmark [--devices N] [--seconds N] [--metrics N] [--violating PERCENT]
//                        [--detectors none|limits|shift|silence|both|all]
//                        [--narrow] [--shuffle] [--outage]
//
// `--outage` lets an hour pass in the middle: every device falls silent and comes back.
// Without `--detectors` it runs none, limits, shift and both. Prints nanoseconds a record, bytes of
// state a series, and a hash of all events: the same for the same arguments on every machine, so
// that a faster version can be seen to compute the same.
import Base
import Detectors
import Glibc
import Telemetry

let second: Int64 = 1_000_000

struct Arguments {
  var devices = 10_000
  var seconds = 300
  var metrics = 10
  var violatingPercent = 0
  var detectors: String?
  var isNarrow = false
  var isShuffled = false
  var hasOutage = false

  init(_ words: [String]) {
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--devices": devices = Int(rest.popFirst() ?? "") ?? devices
      case "--seconds": seconds = Int(rest.popFirst() ?? "") ?? seconds
      case "--metrics": metrics = Int(rest.popFirst() ?? "") ?? metrics
      case "--violating": violatingPercent = Int(rest.popFirst() ?? "") ?? violatingPercent
      case "--detectors": detectors = rest.popFirst()
      case "--narrow": isNarrow = true
      case "--shuffle": isShuffled = true
      case "--outage": hasOutage = true
      default: print("unknown argument \(word)")
      }
    }
  }

  var schema: ReadingSchema {
    let names = isNarrow ? ["value"] : (0..<metrics).map { "metric_\($0)" }
    return ReadingSchema(
      source: "benchmark", attributes: ["region", "firmware"], hasSequence: false,
      isNarrow: isNarrow, metrics: names.map { MetricColumn(name: $0, type: .double) })
  }
}

/// The detectors of a run by name.
func definitions(_ name: String) -> [DetectorDefinition] {
  let limits = DetectorDefinition(
    name: "limits", metric: .all,
    rule: .limits(
      LimitsRule(
        warning: .init(low: -1, high: 10_000), critical: .init(low: -100, high: 20_000),
        clearMargin: 0, persistence: .readings(3))),
    openCountMax: 1_000)
  let shift = DetectorDefinition(
    name: "shift", metric: .all,
    rule: .statistical(.defaults(kind: .shift, everyMicros: 60 * second)), openCountMax: 1_000)
  let silence = DetectorDefinition(
    name: "silence", metric: nil, rule: .silence(SilenceRule(afterMicros: 600 * second)),
    openCountMax: 1_000)
  switch name {
  case "limits": return [limits]
  case "shift": return [shift]
  case "silence": return [silence]
  case "both": return [limits, shift]
  case "all": return [limits, shift, silence]
  default: return []
  }
}

/// Fills a batch with one reading a device and second.
struct Fleet {
  let arguments: Arguments
  var vocabulary: Vocabulary
  /// The devices in the order in which they report.
  private let order: [UInt32]
  private var state: UInt64 = 1

  init(_ arguments: Arguments) {
    self.arguments = arguments
    vocabulary = Vocabulary(attributeCount: 2)
    for device in 0..<arguments.devices { _ = vocabulary.devices.intern("device-\(device)") }
    _ = vocabulary.attributes[0].intern("north")
    _ = vocabulary.attributes[1].intern("1.0")
    if arguments.isNarrow {
      for metric in 0..<arguments.metrics { _ = vocabulary.metrics.intern("metric_\(metric)") }
    }
    var order = (0..<UInt32(arguments.devices)).map { $0 }
    if arguments.isShuffled {
      // Fisher–Yates with the same numbers everywhere.
      var random: UInt64 = 7
      for place in stride(from: order.count - 1, to: 0, by: -1) {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        order.swapAt(place, Int(random >> 33) % (place + 1))
      }
    }
    self.order = order
  }

  mutating func fill(_ batch: inout ReadingBatch, places: Range<Int>, tick: Int) {
    batch.removeAll()
    let pause: Int64 = arguments.hasOutage && tick * 2 >= arguments.seconds ? 3_600 : 0
    let time = (1_700_000_000 + Int64(tick) + pause) * second
    for place in places {
      let device = order[place]
      batch.recordOffsets.append(Int64(tick * arguments.devices + place))
      batch.recordTimestamps.append(time)
      batch.recordClocks.append(time)
      batch.recordHasAppendTime.append(true)
      batch.recordOutcomes.append(.read)
      batch.recordDevices.append(device)
      batch.recordAttributes.append(0)
      batch.recordAttributes.append(0)
      // Whole devices violate their limits, a minute each: anomalies open and close.
      let turn = (Int(device) + tick / 60 * 7) % 100
      let isViolating = turn < arguments.violatingPercent
      for row in 0..<(arguments.isNarrow ? arguments.metrics : 1) {
        batch.rowEventTimes.append(time)
        batch.rowFlags.append(0)
        batch.rowIndexes.append(UInt32(row))
        if arguments.isNarrow { batch.rowMetrics.append(UInt32(row)) }
        for metric in 0..<(arguments.isNarrow ? 1 : arguments.metrics) {
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          let noise = Double(state >> 20 & 0xFFFF) / 65_536
          let value = Double(metric + row) * 10 + noise + (isViolating ? 12_000 : 0)
          batch.metricWords.append(value.bitPattern)
        }
        for _ in 0..<batch.schema.presenceWordsPerRow { batch.presenceWords.append(UInt64.max) }
      }
      batch.recordRowStarts.append(batch.rowCount)
    }
  }
}

/// Processor time of this thread: what other work on the machine takes does not count.
func threadNanos() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// The events, after the hash so far.
func hash(_ events: [AnomalyEvent], after previous: UInt64) -> UInt64 {
  var writer = ByteWriter()
  writer.append(littleEndian: previous)
  for event in events {
    writer.append(lengthPrefixed: event.id)
    writer.append(lengthPrefixed: event.state.rawValue)
    writer.append(event.severity.rawValue)
    writer.append(littleEndian: event.eventTime)
    writer.append(littleEndian: event.value?.bitPattern ?? 0)
    writer.append(lengthPrefixed: event.evidence)
  }
  return XXHash64.hash(writer.bytes)
}

func run(_ arguments: Arguments, detectors name: String) {
  var fleet = Fleet(arguments)
  let schema = arguments.schema
  var detectors = PartitionDetectors(
    schema: schema, definitions: definitions(name),
    origin: AnomalyOrigin(topic: "benchmark", incarnation: 0, partition: 0),
    outOfOrdernessMicros: 5 * second)
  var batch = ReadingBatch(schema: schema)
  var events: [AnomalyEvent] = []
  var (elapsedNanos, slowestNanos, recordCount, eventCount) = (0, 0, 0, 0)
  var hashValue: UInt64 = 0
  let chunk = min(arguments.devices, 4096)
  for tick in 0..<arguments.seconds {
    for start in stride(from: 0, to: arguments.devices, by: chunk) {
      fleet.fill(&batch, places: start..<min(start + chunk, arguments.devices), tick: tick)
      let vocabulary = fleet.vocabulary
      let start = threadNanos()
      detectors.apply(
        batch, records: 0..<batch.recordCount, vocabulary: vocabulary, into: &events)
      let nanos = threadNanos() - start
      elapsedNanos += nanos
      slowestNanos = max(slowestNanos, nanos)
      recordCount += batch.recordCount
      eventCount += events.count
      if !events.isEmpty { hashValue = hash(events, after: hashValue) }
      events.removeAll(keepingCapacity: true)
    }
  }
  let series = arguments.devices * arguments.metrics
  print(
    "\(name): \(elapsedNanos / max(recordCount, 1)) ns a record of \(arguments.metrics) metrics,",
    "\(detectors.byteCount / max(series, 1)) bytes a series, \(eventCount) events,",
    "\(detectors.counts.bucketsJudged) buckets judged,",
    "slowest \(chunk) records \(slowestNanos / 1_000_000) ms, hash \(RandomID.hex(hashValue))")
  measureSnapshot(detectors, schema)
}

/// How long a cut has to wait for the state, and a recovery to have it back.
func measureSnapshot(_ detectors: borrowing PartitionDetectors, _ schema: ReadingSchema) {
  var writer = ByteWriter()
  let encodeStart = threadNanos()
  detectors.encode(into: &writer)
  let encodeNanos = threadNanos() - encodeStart
  var reader = ByteReader(writer.bytes)
  let restoreStart = threadNanos()
  let restored = try? PartitionDetectors(
    schema: schema, origin: AnomalyOrigin(topic: "benchmark", incarnation: 0, partition: 0),
    outOfOrdernessMicros: 5 * second, from: &reader)
  let restoreNanos = threadNanos() - restoreStart
  guard let restored else { return print("  snapshot cannot be read back") }
  print(
    "  snapshot \(writer.count) bytes, encoded in \(encodeNanos / 1_000_000) ms,",
    "restored in \(restoreNanos / 1_000_000) ms, detectors \(restored.definitions.count)")
}

let arguments = Arguments(Array(CommandLine.arguments.dropFirst()))
for name in arguments.detectors.map({ [$0] }) ?? ["none", "limits", "shift", "both"] {
  run(arguments, detectors: name)
}
