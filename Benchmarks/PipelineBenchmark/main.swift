import Base
import Decode
import Detectors
import Glibc
import Ledger
import Logging
import Parquet
import Pipeline
import Storage
import Telemetry
import Windows

// The whole pipeline over a topic in memory: everything after the fetch is real and timed, down to
// the synced files, the ledger and the table logs.
//
//     PipelineBenchmark [--devices N] [--seconds S] [--partitions P] [--lanes L] [--root DIR]
//                       [--commit-bytes B] [--detectors none|limits|shift|both]
//
// The reference job is --devices 10000 --seconds 300 --partitions 4. Prints rates, bytes, and a
// hash of the counters of the ledger, which must not change with lanes, commit size or machine.

func argument(_ name: String, _ standard: Int) -> Int {
  let arguments = CommandLine.arguments
  guard let index = arguments.firstIndex(of: "--\(name)"), index + 1 < arguments.count,
    let value = Int(arguments[index + 1])
  else { return standard }
  return value
}

func textArgument(_ name: String) -> String? {
  let arguments = CommandLine.arguments
  guard let index = arguments.firstIndex(of: "--\(name)"), index + 1 < arguments.count else {
    return nil
  }
  return arguments[index + 1]
}

func processorSeconds() -> Double {
  var usage = rusage()
  unsafe getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

func peakMebibytes() -> Int {
  var usage = rusage()
  unsafe getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss / 1024
}

/// Limits on every metric, a shift on every series: what the issue of the service measures.
func detectors(_ name: String) -> [DetectorDefinition] {
  let limits = DetectorDefinition(
    name: "limits", metric: .all,
    rule: .limits(
      LimitsRule(
        warning: .init(low: -1e6, high: 1e6), critical: .init(low: -1e7, high: 1e7),
        clearMargin: 1, persistence: .readings(3))), openCountMax: 1000)
  let shift = DetectorDefinition(
    name: "shift", metric: .all,
    rule: .statistical(.defaults(kind: .shift, everyMicros: 60_000_000)), openCountMax: 1000)
  switch name {
  case "limits": return [limits]
  case "shift": return [shift]
  case "both": return [limits, shift]
  default: return []
  }
}

let devices = argument("devices", 200)
let seconds = argument("seconds", 60)
let topic = RecordedTopic(
  name: "telemetry", deviceCount: devices, seconds: seconds,
  partitionCount: argument("partitions", 4), seed: 42)
let baseMebibytes = peakMebibytes()

let plan = try DecodePlan(
  MessageMapping(
    source: "snapshots", messageName: "fleet.telemetry.v1.DeviceTelemetry",
    device: .field("device_id"),
    time: .init(field: "time_unix_ms", unit: .milliseconds), sequence: "sequence",
    attributes: [.init(field: "region"), .init(field: "firmware")], plausibleFromMicros: 0))
let source = SourceOptions(
  topics: [topic.name], plan: plan,
  windows: [WindowDefinition(name: "1m", sizeMicros: 60_000_000, slideMicros: 10_000_000)],
  eventTime: EventTimeOptions(), detectors: detectors(textArgument("detectors") ?? "none"))
let laneCount = argument("lanes", 1)
let options = PipelineOptions(
  pipeline: "benchmark", program: "benchmark", configFingerprint: "benchmark",
  sources: [source], start: .earliest, onPositionLost: .stop, laneCount: laneCount,
  commit: CommitOptions(
    intervalMillis: 10_000, byteCount: argument("commit-bytes", 64_000_000),
    stateIntervalMillis: 60_000, stateInputByteCount: 512 << 20, openDateCount: 64),
  parquet: ParquetWriterOptions(createdBy: "downlinkd version 0.1.0 (build benchmark)"),
  rowGroupRowCountMax: 122_880)
let storage: any Storage
if let root = textArgument("root") {
  storage = try POSIXStorage(root: root)
} else {
  storage = MemoryStorage()
}
let log = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
let instance = Instance(
  options: options, storage: storage, goal: .caughtUp(firesOpenWindows: true), log: log
) { delegate in
  RecordedConsumer(topic: topic, laneCount: laneCount, delegate: delegate)
}

let startNanos = MonotonicClock.nowNanos()
let startProcessor = processorSeconds()
let result = instance.run()
let wall = Double(MonotonicClock.nowNanos() - startNanos) / 1e9
let processor = processorSeconds() - startProcessor
guard result == .stopped(isComplete: true) else {
  print("the pipeline did not finish: \(result)")
  exit(1)
}

let millions = Double(topic.recordCount) / 1e6
func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
let bytesEach = topic.payloadByteCount / topic.recordCount
print("records       \(topic.recordCount), \(bytesEach) bytes each")
print("wall          \(rounded(wall)) s, \(Int(Double(topic.recordCount) / wall)) records/s")
print("processor     \(rounded(processor)) s, \(rounded(processor / millions)) s per million")
print("memory        peak \(peakMebibytes()) MiB, of which the topic itself \(baseMebibytes) MiB")

// What the ledger counted, but for what depends on where commits fell.
let ledger = Ledger(storage: storage, pipeline: options.pipeline, incarnation: RandomID.make())
try ledger.open()
var counted = ByteWriter()
for (name, value) in ledger.state.counters.sorted(by: { $0.key < $1.key })
where name != "files" && name != "file_bytes" {
  counted.append(lengthPrefixed: "\(name)=\(value)")
}
let rows = (ledger.state.counters["readings"] ?? 0) + (ledger.state.counters["firings"] ?? 0)
let written = ledger.state.counters["file_bytes"] ?? 0
print("written       \(written) bytes, \(rounded(Double(written) / Double(rows))) a row")
print("hash          \(RandomID.hex(XXHash64.hash(counted.bytes)))")
