import Base
import DeltaLog
import Glibc
import Logging
import Maintenance
import Parquet
import Storage
import TableReading

// How fast one core merges files of readings into one.
//
//     CompactionBenchmark [--files N] [--rows N] [--devices N] [--metrics N] [--checkpoint N]
//
// Twice: files whose devices overlap, as commits leave them, so that every row is read, put in its
// place and written; and files that follow each other by device, whose row groups are copied. Small
// by default, so that it can run as a smoke test. Prints bytes of the files read a second of
// processor time and of wall time, the process's largest memory, and a hash of the rows' count and
// the merged files. `--checkpoint` only writes and reads the log checkpoint of a table of so many
// files.

struct Arguments {
  var fileCount = 8
  var rowCount = 140_000
  var deviceCount = 1000
  var metricCount = 10
  var checkpointFileCount: Int?

  init(_ arguments: [String]) {
    var rest = arguments.dropFirst()
    while let argument = rest.popFirst() {
      let value = rest.popFirst().flatMap { Int($0) }
      switch (argument, value) {
      case ("--files", let value?): fileCount = value
      case ("--rows", let value?): rowCount = value
      case ("--devices", let value?): deviceCount = value
      case ("--metrics", let value?): metricCount = value
      case ("--checkpoint", let value?): checkpointFileCount = value
      default:
        print("unknown argument \(argument)")
        exit(2)
      }
    }
  }
}

/// A table of readings on storage, with files of one date.
struct BenchmarkTable {
  let storage: any Storage
  let arguments: Arguments
  let name: String
  private var random = SplitMix64(seed: 1)
  private var version: Int64 = 0

  static let date = "2024-10-04"

  init(_ storage: any Storage, _ name: String, _ arguments: Arguments) throws {
    self.storage = storage
    self.name = name
    self.arguments = arguments
    try put([
      DeltaAction.protocolAction,
      DeltaAction.metaData(
        id: "00000000-0000-4000-8000-000000000000", name: name,
        schema: DeltaSchema(columns: columns + [DeltaColumn("event_date", .date)]),
        createdTimeMillis: 0),
      ["txn": ["appId": "bench/ledger", "version": 0]],
    ])
  }

  private var columns: [DeltaColumn] {
    [DeltaColumn("device_id", .string), DeltaColumn("event_time", .timestamp)]
      + (0..<arguments.metricCount).map { DeltaColumn("metric_\($0)", .double) }
      + [
        DeltaColumn("flags", .integer), DeltaColumn("kafka_topic", .string),
        DeltaColumn("kafka_partition", .integer), DeltaColumn("kafka_offset", .long),
      ]
  }

  private mutating func put(_ actions: [JSONValue]) throws {
    let digits = String(version)
    version += 1
    let name = String(repeating: "0", count: 20 - digits.count) + digits + ".json"
    let text = actions.map(\.text).joined(separator: "\n") + "\n"
    _ = try storage.putIfAbsent("tables/\(self.name)/_delta_log/\(name)", Array(text.utf8))
  }

  /// Rows of these devices, sorted as the committer sorts them.
  mutating func add(file: Int, devices: Range<Int>) throws {
    let rows = arguments.rowCount
    let perDevice = max(1, rows / devices.count)
    let names = devices.map { device -> String in
      let digits = String(device)
      return "device-" + String(repeating: "0", count: 7 - digits.count) + digits
    }
    var bytes: [UInt8] = []
    var starts = [0]
    for name in names {
      bytes += name.utf8
      starts.append(bytes.count)
    }
    let start: Int64 = 1_728_000_000_000_000 + Int64(file * perDevice) * 1_000_000
    let words = (0..<rows).map { UInt32(min($0 / perDevice, devices.count - 1)) }
    let times = (0..<rows).map { start + Int64($0 % perDevice) * 1_000_000 }
    let schema = ParquetSchema(
      columns: columns.map { column in
        let type: ParquetType =
          switch column.type {
          case .string: .string
          case .timestamp: .timestampMicros
          case .integer: .int32
          case .long: .int64
          default: .double
          }
        return ParquetColumn(name: column.name, type: type)
      })
    var writer = ParquetFileWriter(schema: schema, options: MaintenancePass.defaultParquet)
    writer.beginRowGroup(rowCount: rows)
    writer.writeColumn(
      .words(indexes: words, dictionary: ByteStrings(bytes: bytes, starts: starts)))
    writer.writeColumn(.int64(times))
    for metric in 0..<arguments.metricCount { writer.writeColumn(.double(walk(rows, metric))) }
    writer.writeColumn(.constantInteger(0))
    writer.writeColumn(.constantWord(Array("telemetry".utf8)))
    writer.writeColumn(.constantInteger(3))
    writer.writeColumn(.int64((0..<rows).map { Int64(file * rows + $0) }))
    writer.endRowGroup()
    let finished = writer.finish()
    let path = "event_date=\(Self.date)/bench-v1-\(RandomID.make())-\(file)-0.parquet"
    var output = try HashedFile(creating: "tables/\(name)/\(path)", in: storage)
    try output.append(finished.output)
    let closed = try output.close()
    let add = AddFile(
      path: path, partitionValues: [("event_date", Self.date)], byteCount: closed.byteCount,
      modificationTimeMillis: 0,
      statistics: FileStatistics(finished.summary, types: columns.map(\.type)),
      checksum: closed.checksum)
    try put([add.action])
  }

  /// Half of the metrics are rounded as sensors round, half are not.
  private mutating func walk(_ rows: Int, _ metric: Int) -> [Double] {
    var value = 20.0
    return (0..<rows).map { _ in
      value += Double(Int64(random.next() >> 40) - 8_388_608) / 1e8
      return metric % 2 == 0 ? Double(Int64(value * 100)) / 100 : value
    }
  }
}

/// Seconds of processor time that this process has used.
func processorSeconds() -> Double {
  var now = timespec()
  _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

/// Merges all files of the table into one, and says how fast that was.
func measure(_ table: BenchmarkTable, _ title: String) throws {
  let pass = MaintenancePass(
    storage: table.storage, pipeline: "bench", engineInfo: "downlinkd bench",
    options: MaintenanceOptions(), pace: MaintenancePace(bytesPerSecond: nil),
    log: Logger(label: "bench"))
  var maintained = MaintainedTable(
    name: table.name, storage: table.storage, engine: pass.engineInfo)
  try maintained.follow()
  guard var compaction = Compaction(maintained, in: pass) else {
    print("the table cannot be merged")
    exit(1)
  }
  let begun = (processor: processorSeconds(), wall: MonotonicClock.nowNanos())
  let outcome = try compaction.merge(Array(maintained.snapshot.files), of: &maintained)
  let seconds = processorSeconds() - begun.processor
  let wall = Double(MonotonicClock.nowNanos() - begun.wall) / 1e9
  guard case .merged(let merge) = outcome else {
    print("\(title): \(outcome)")
    exit(1)
  }
  var usage = rusage()
  _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  func rounded(_ value: Double) -> Double { Double(Int(value * 10)) / 10 }
  let input = Double(merge.inputByteCount) / 1e6
  let bytes = try table.storage.read(merge.path)
  print(
    """
    \(title): \(merge.inputCount) files, \(rounded(input)) MB, \(merge.rowCount) rows → \
    \(rounded(Double(merge.outputByteCount) / 1e6)) MB (copied \
    \(rounded(Double(merge.copiedByteCount) / 1e6)))
      \(rounded(input / seconds)) MB/s of processor time, \(rounded(input / wall)) MB/s of wall \
    time, \(rounded(seconds * 1e9 / Double(merge.rowCount))) ns a row, memory \
    \(usage.ru_maxrss / 1024) MiB, hash \(RandomID.hex(XXHash64.hash(bytes)))
    """)
}

let arguments = Arguments(CommandLine.arguments)
var template = Array("/tmp/compaction-benchmark-XXXXXX".utf8CString)
guard unsafe mkdtemp(&template) != nil else {
  print("cannot make a folder in /tmp")
  exit(1)
}
let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
let storage = try POSIXStorage(root: root)
if let count = arguments.checkpointFileCount {
  let run = CheckpointRun(storage: storage, fileCount: count)
  try run.prepare()
  try run.measure()
  let folder = "tables/many/_delta_log"
  for file in try storage.list(folder) { try storage.delete("\(folder)/\(file)") }
  exit(0)
}
var overlapping = try BenchmarkTable(storage, "overlapping", arguments)
for file in 0..<arguments.fileCount {
  try overlapping.add(file: file, devices: 0..<arguments.deviceCount)
}
try measure(overlapping, "rewriting")
var disjoint = try BenchmarkTable(storage, "disjoint", arguments)
for file in 0..<arguments.fileCount {
  let start = file * arguments.deviceCount
  try disjoint.add(file: file, devices: start..<(start + arguments.deviceCount))
}
try measure(disjoint, "copying")
for name in ["overlapping", "disjoint"] {
  let folder = "tables/\(name)/event_date=\(BenchmarkTable.date)"
  for file in try storage.list(folder) { try storage.delete("\(folder)/\(file)") }
}
