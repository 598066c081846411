import Base
import DeltaLog
import Glibc
import Maintenance
import Storage

// A year of a pipeline's tables in minutes: a commit a simulated minute through the real ledger,
// table logs and Parquet writer onto a real disk, with the real maintenance beside it: log
// checkpoints, compaction, retention, deletion and log clean-up as they come due. Only the syncs do
// nothing.
//
//     YearBenchmark --root DIR [--commits N] [--devices D] [--no-maintenance] [--python PYTHON]
//     YearBenchmark --root DIR --history FILES
//
// Without --root it is 3,000 commits in a temporary folder: two days, as a look at it.
// Prints at the start (after a day), after each quarter and at the end what the tables are like,
// and lets PYTHON run Tests/Python/year_tables.py over them: sizes, DuckDB's queries, and whether
// counts and sums are those of what was generated. With --history: how long a recovery takes with
// so many files in a table's log.

func textArgument(_ name: String) -> String? {
  let arguments = CommandLine.arguments
  guard let index = arguments.firstIndex(of: "--\(name)"), index + 1 < arguments.count else {
    return nil
  }
  return arguments[index + 1]
}

func argument(_ name: String, _ standard: Int) -> Int {
  textArgument(name).flatMap { Int($0) } ?? standard
}

func residentMebibytes() -> Int {
  guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
  defer { unsafe fclose(file) }
  var line = [CChar](repeating: 0, count: 256)
  guard unsafe fgets(&line, Int32(line.count), file) != nil else { return 0 }
  let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  return pages / 256
}

/// The last thousand of a series of durations.
struct LastThousand {
  private var values: [Int64] = []
  private var next = 0

  mutating func add(_ nanos: Int64) {
    if values.count < 1000 { values.append(nanos) } else { values[next] = nanos }
    next = (next + 1) % 1000
  }

  /// `0.61 / 1.93`: the median and the 99th percentile, milliseconds.
  var text: String {
    let sorted = values.sorted()
    guard let last = sorted.indices.last else { return "-" }
    return "\(milliseconds(sorted[last / 2])) / \(milliseconds(sorted[last * 99 / 100]))"
  }
}

/// Prints a line at once, however the output is taken.
func say(_ line: String) {
  print(line)
  fflush(nil)
}

func milliseconds(_ nanos: Int64) -> Double { (Double(nanos) / 1e4).rounded() / 100 }

/// Counts and sums of what was generated, by table and date.
struct Truth {
  private var days: [String: [Int32: (count: Int, sum: Int64)]] = [:]

  mutating func add(_ rows: YearRows, of table: YearTable) {
    days[table.name, default: [:]][rows.day, default: (0, 0)].count += rows.rowCount
    days[table.name]?[rows.day]?.sum += rows.sum
  }

  var json: JSONValue {
    .object(
      days.sorted { $0.key < $1.key }.map { table, days in
        JSONMember(
          table,
          .array(
            days.sorted { $0.key < $1.key }.map { day, truth in
              [.string(Timestamp.dateText(day: day)), .int(truth.count), .int(truth.sum)]
            }))
      })
  }
}

struct Year {
  let root: String
  let storage: any Storage
  let clock: YearClock
  var fleet: YearFleet
  var pipeline: YearPipeline
  var keeper: YearKeeper?
  var truth = Truth()
  var wall = LastThousand()
  var processor = LastThousand()
  let begun = Stopwatch()
  var daysSinceStage = 0.0

  mutating func run(commitCount: Int) throws {
    let quarter = commitCount / 4
    for minute in 0..<commitCount {
      clock.advance(toWallMicros: fleet.startMicros + Int64(minute + 1) * 60_000_000)
      try commit(Int64(minute))
      if minute % 10 == 9 { try keeper?.pass() }
      daysSinceStage += 1 / 1440
      if minute % 25_000 == 24_999 {
        say("  commit \(minute + 1): \(wall.text) ms, processor \(processor.text)")
      }
      if minute == 1500 && commitCount > 10_000 { try show("start", minute) }
      if commitCount > 10_000, minute % quarter == quarter - 1, minute < 3 * quarter {
        try show("quarter \((minute + 1) / quarter)", minute)
      }
    }
    try keeper?.pass()
    try show("end", commitCount - 1)
  }

  private mutating func commit(_ minute: Int64) throws {
    var parts = fleet.readings(ofMinute: minute).map { (table: YearTable.readings, rows: $0) }
    if let rows = fleet.windows(endingWith: minute) { parts.append((.windows, rows)) }
    for part in parts { truth.add(part.rows, of: part.table) }
    let watch = Stopwatch()
    try pipeline.commit(parts)
    wall.add(watch.wallNanos)
    processor.add(watch.processorNanos)
  }

  private mutating func show(_ stage: String, _ minute: Int) throws {
    say("== \(stage): \(minute + 1) commits, \(begun.wallNanos / 1_000_000_000) s of real time")
    say("commit, median / p99 of the last 1,000: \(wall.text) ms, processor \(processor.text)")
    if let times = keeper?.takeTimes() {
      let perDay = Double(times.processorNanos) / 1e9 / max(daysSinceStage, 0.01)
      say(
        "maintenance a simulated day: \((perDay * 1000).rounded() / 1000) s of processor time; "
          + "longest pass \(milliseconds(times.longestNanos)) ms")
    }
    daysSinceStage = 0
    for status in keeper?.statuses ?? [] { say("  \(Self.text(status))") }
    let recovery = Stopwatch()
    try pipeline.recover()
    say("recovery: \(milliseconds(recovery.wallNanos)) ms")
    for table in [YearTable.readings, .windows] {
      let opening = Stopwatch()
      var snapshot = TableSnapshot(
        storage: storage, folder: "tables/\(table.name)", engine: YearPipeline.engine)
      try snapshot.follow()
      say(
        "opening \(table.name) as an engine does: \(milliseconds(opening.wallNanos)) ms, version "
          + "\(snapshot.version), log checkpoint \(snapshot.checkpointVersion), "
          + "\(snapshot.fileCount) files, \(snapshot.byteCount) bytes")
    }
    say("resident: \(residentMebibytes()) MiB")
    try ask()
  }

  private static func text(_ status: TableStatus) -> String {
    let figures: [(String, Int)] = [
      ("compactions", status.compactionCount), ("files merged", status.mergedFileCount),
      ("files made", status.madeFileCount), ("bytes written", Int(status.writtenByteCount)),
      ("conflicts", status.conflictCount), ("log checkpoints", status.checkpointCount),
      ("log files cleaned up", status.cleanedLogFileCount),
      ("dates expired", status.expiredDateCount), ("files deleted", status.deletedFileCount),
      ("troubles", status.troubleCount),
    ]
    let text = figures.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
    return status.name + ": " + text + (status.trouble.map { "; " + $0 } ?? "")
  }

  /// Lets Python look at the tables as they lie there.
  private func ask() throws {
    guard let python = textArgument("python") else { return }
    let question: JSONValue = [
      "now_micros": .int(clock.wallMicros), "tables": truth.json,
      "keep_days": keeper == nil
        ? [:]
        : [
          YearTable.readings.name: .int(YearKeeper.readingsKeepDays),
          YearTable.windows.name: .int(YearKeeper.windowsKeepDays),
        ],
    ]
    let path = "\(root)/truth.json"
    guard let file = unsafe fopen(path, "w") else { preconditionFailure("\(path) can be written") }
    let bytes = question.bytes
    _ = unsafe fwrite(bytes, 1, bytes.count, file)
    unsafe fclose(file)
    let script = textArgument("script") ?? "Tests/Python/year_tables.py"
    let code = unsafe system("'\(python)' '\(script)' '\(root)' '\(path)'")
    if code != 0 { say("NOT MET: year_tables.py ended with \(code)") }
  }
}

/// A new folder of our own, for a look at it without arguments.
func temporaryRoot() -> String {
  var template = Array("/tmp/year-XXXXXX".utf8CString)
  guard unsafe mkdtemp(&template) != nil else { preconditionFailure("/tmp takes a folder") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

let root = textArgument("root") ?? temporaryRoot()
let fleet = YearFleet(deviceCount: argument("devices", 40))
let clock = YearClock(startMicros: fleet.startMicros)
World.install(clock)
let storage = try POSIXStorage(root: root, fileSystem: UnsyncedFileSystem())
var pipeline = try YearPipeline(storage, incarnation: RandomID.make())
let historyCount = argument("history", 0)
if historyCount > 0 {
  for first in stride(from: 0, to: historyCount, by: 1000) {
    try pipeline.addHistory(fileCount: min(1000, historyCount - first), from: first)
  }
  for _ in 0..<3 {
    let watch = Stopwatch()
    try pipeline.recover()
    say("recovery with \(historyCount) files in the log: \(milliseconds(watch.wallNanos)) ms")
  }
} else {
  let hasMaintenance = !CommandLine.arguments.contains("--no-maintenance")
  var year = Year(
    root: root, storage: storage, clock: clock, fleet: fleet, pipeline: pipeline,
    keeper: hasMaintenance ? YearKeeper(storage) : nil)
  try year.run(
    commitCount: argument("commits", textArgument("root") == nil ? 3_000 : 500_000))
}
if textArgument("root") == nil { unsafe system("rm -r '\(root)'") }
