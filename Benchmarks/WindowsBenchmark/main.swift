// How fast windows take readings, on one core: devices report once a second, in turn.
//
//     WindowsBenchmark [--devices N] [--seconds N] [--metrics N] [--late PERCENT]
//                      [--windows one|three] [--narrow]
//
// Prints rates, what the directory of devices costs behind them, bytes of state a series, and a
// hash of everything that fired: the same for the same arguments on every machine, so that a faster
// version can be seen to compute the same.
import Base
import Devices
import Glibc
import Telemetry
import Windows

let second: Int64 = 1_000_000

struct Arguments {
  var devices = 10_000
  var seconds = 300
  var metrics = 10
  var latePercent = 0
  var hasThreeWindows = false
  var isNarrow = false

  init(_ words: [String]) {
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--devices": devices = Int(rest.popFirst() ?? "") ?? devices
      case "--seconds": seconds = Int(rest.popFirst() ?? "") ?? seconds
      case "--metrics": metrics = Int(rest.popFirst() ?? "") ?? metrics
      case "--late": latePercent = Int(rest.popFirst() ?? "") ?? latePercent
      case "--windows": hasThreeWindows = rest.popFirst() == "three"
      case "--narrow": isNarrow = true
      default: print("unknown argument \(word)")
      }
    }
  }

  var windows: [WindowDefinition] {
    let short = WindowDefinition(
      name: "1m", sizeMicros: 60 * second, slideMicros: 10 * second)
    if !hasThreeWindows { return [short] }
    return [
      short,
      WindowDefinition(name: "5m", sizeMicros: 300 * second, slideMicros: 60 * second),
      WindowDefinition(name: "1h", sizeMicros: 3600 * second, slideMicros: 300 * second),
    ]
  }

  var schema: ReadingSchema {
    let names = isNarrow ? ["value"] : (0..<metrics).map { "metric_\($0)" }
    return ReadingSchema(
      source: "benchmark", attributes: ["region", "firmware"], hasSequence: false,
      isNarrow: isNarrow, metrics: names.map { MetricColumn(name: $0, type: .double) })
  }
}

/// Fills a batch with one reading a device and second, in the order of the devices.
struct Fleet {
  let arguments: Arguments
  var vocabulary: Vocabulary
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
  }

  mutating func fill(_ batch: inout ReadingBatch, devices: Range<Int>, tick: Int) {
    batch.removeAll()
    let time = (1_700_000_000 + Int64(tick)) * second
    for device in devices {
      batch.recordOffsets.append(Int64(device))
      batch.recordTimestamps.append(time)
      batch.recordHasAppendTime.append(true)
      batch.recordOutcomes.append(.read)
      batch.recordDevices.append(UInt32(device))
      batch.recordAttributes.append(0)
      batch.recordAttributes.append(0)
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let isLate = state >> 33 % 100 < UInt64(arguments.latePercent)
      let eventTime = isLate ? time - Int64(state >> 40 % 15) * second : time
      for row in 0..<(arguments.isNarrow ? arguments.metrics : 1) {
        batch.rowEventTimes.append(eventTime)
        batch.rowFlags.append(0)
        batch.rowIndexes.append(UInt32(row))
        if arguments.isNarrow { batch.rowMetrics.append(UInt32(row)) }
        for metric in 0..<(arguments.isNarrow ? 1 : arguments.metrics) {
          let noise = Double(state >> 20 & 0xFFFF) / 65_536
          batch.metricWords.append((Double(metric + row) * 10 + noise).bitPattern)
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

/// The bits of what fired, after the hash so far.
func hash(_ firings: borrowing FiringBatch, after previous: UInt64) -> UInt64 {
  var writer = ByteWriter()
  writer.append(littleEndian: previous)
  writer.append(memoryOf: firings.devices)
  writer.append(memoryOf: firings.windowEnds)
  writer.append(memoryOf: firings.revisions)
  writer.append(memoryOf: firings.counts)
  writer.append(memoryOf: firings.means)
  writer.append(memoryOf: firings.stddevs)
  writer.append(memoryOf: firings.lasts)
  return XXHash64.hash(writer.bytes)
}

func run(_ arguments: Arguments) {
  var fleet = Fleet(arguments)
  let schema = arguments.schema
  var windows = PartitionWindows(
    schema: schema, windows: arguments.windows, options: EventTimeOptions())
  var batch = ReadingBatch(schema: schema)
  var firings = FiringBatch(attributeCount: 2)
  var directory = DeviceDirectory(attributeCount: 2)
  var (elapsedNanos, directoryNanos, recordCount) = (0, 0, 0)
  var (readingCount, firingCount) = (0, 0)
  var hashValue: UInt64 = 0
  let chunk = min(arguments.devices, 4096)
  for tick in 0..<arguments.seconds {
    for start in stride(from: 0, to: arguments.devices, by: chunk) {
      let devices = start..<min(start + chunk, arguments.devices)
      fleet.fill(&batch, devices: devices, tick: tick)
      let vocabulary = fleet.vocabulary
      let start = threadNanos()
      windows.apply(
        &batch, records: 0..<batch.recordCount, vocabulary: vocabulary, into: &firings)
      let behind = threadNanos()
      elapsedNanos += behind - start
      directory.apply(
        batch, records: 0..<batch.recordCount, deviceCount: vocabulary.devices.count)
      directoryNanos += threadNanos() - behind
      recordCount += batch.recordCount
      readingCount += batch.rowCount
      firingCount += firings.rowCount
      hashValue = hash(firings, after: hashValue)
      firings.removeAll()
    }
  }
  let time = Double(elapsedNanos) / 1e9
  let samples = readingCount * (arguments.isNarrow ? 1 : arguments.metrics)
  let series = arguments.devices * arguments.metrics
  print("readings          \(readingCount), \(Int(Double(readingCount) / time)) a second")
  print("samples           \(samples), \(Int(Double(samples) / time)) a second")
  print("nanoseconds       \(Int(time * 1e9) / max(readingCount, 1)) a reading")
  let directoryTime = Double(directoryNanos) / Double(max(recordCount, 1))
  print("directory         \((directoryTime * 10).rounded() / 10) nanoseconds a record")
  print("firing rows       \(firingCount)")
  print("state             \(windows.byteCount / max(series, 1)) bytes a series")
  print("counts            late \(windows.counts.late), fired again \(windows.counts.firedAgain)")
  print("hash              \(RandomID.hex(hashValue))")
  measureSnapshot(windows, arguments)
}

/// How long a cut has to wait for the state, and a recovery to have it back.
func measureSnapshot(_ windows: borrowing PartitionWindows, _ arguments: Arguments) {
  var writer = ByteWriter()
  let encodeStart = threadNanos()
  windows.encode(into: &writer)
  let encodeNanos = threadNanos() - encodeStart
  var reader = ByteReader(writer.bytes)
  let restoreStart = threadNanos()
  let restored = try? PartitionWindows(
    schema: arguments.schema, windows: arguments.windows, options: EventTimeOptions(),
    from: &reader)
  let restoreNanos = threadNanos() - restoreStart
  guard let restored else { return print("snapshot          cannot be read back") }
  print(
    "snapshot          \(writer.count) bytes, encoded in \(encodeNanos / 1_000_000) ms,",
    "restored in \(restoreNanos / 1_000_000) ms, clock \(restored.partitionClockMicros ?? 0)")
}

run(Arguments(Array(CommandLine.arguments.dropFirst())))
