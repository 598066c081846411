import ArgumentParser
import Base
import Config
import Logging
import Maintenance
import Parquet
import Pipeline
import Storage
import TableReading

/// `downlinkd compact`: what the service does by itself, at once.
struct CompactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact", abstract: "Merge small files of tables into large ones, now.",
    discussion: """
      No row changes, and readers see either the old files or the new one. The pipeline may be \
      running, and other engines may write: what they change meanwhile is left to the next time. \
      Without --date every date that is over is looked at; with it that one, over or not. Files \
      that were replaced stay on disk for readers of older versions \
      (maintenance.deleted_files_keep).

      Exit codes: 0 done, 64 there is no such table, 69 a table cannot be read or somebody else is \
      at work, 78 the configuration does not fit.
      """)

  @Option(name: .long, help: "The configuration file.")
  var config: String?

  @Option(name: .long, help: "The root, where no configuration is at hand.")
  var root: String?

  @Option(name: .long, help: "Only this table.")
  var table: String?

  @Option(name: .long, help: .init("Only this date, in UTC.", valueName: "yyyy-mm-dd"))
  var date: String?

  @Option(
    name: .long,
    help: .init("Wait so long for whoever is at work on the tables.", valueName: "seconds"))
  var wait = 60

  @Flag(name: .long, help: "Say what would be merged; change nothing.")
  var dryRun = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    if (config == nil) == (root == nil) {
      throw ValidationError("give either --config or --root")
    }
    if let date, DateText.day(date) == nil {
      throw ValidationError("--date is a date such as 2026-11-21, not “\(date)”")
    }
    if !(0...86_400).contains(wait) {
      throw ValidationError("--wait must be from 0 to 86400 seconds")
    }
  }

  func run() throws {
    let place = try CompactPlace(config: config, root: root, isDry: dryRun)
    var report = CompactReport(isDry: dryRun)
    let lock = MaintenanceLockFile(root: place.root)
    do {
      let tables = try MaintenancePlace.tables(place.storage)
      if let table, !tables.contains(table) {
        let near = Configuration.suggestion(for: table, among: tables).map { "; " + $0 } ?? ""
        complain("compact: there is no table \(table)\(near)")
        throw ExitCode(Exit.usage)
      }
      if !dryRun { try take(lock) }
      defer { lock.release() }
      for name in tables where table == nil || name == table {
        try compact(name, place, &report)
      }
    } catch let code as ExitCode {
      throw code
    } catch {
      complain("compact: \(error)")
      throw ExitCode(Exit.unavailable)
    }
    print(json ? report.json.text + "\n" : report.text, terminator: "")
  }

  private func take(_ lock: MaintenanceLockFile) throws {
    let deadline = MonotonicClock.nowNanos() + Int64(wait) * 1_000_000_000
    let pause = MaintenancePace(bytesPerSecond: nil)
    var isSaid = false
    while try !lock.take() {
      let holder = lock.holder ?? "somebody else"
      if MonotonicClock.nowNanos() >= deadline {
        complain("compact: \(holder) is at work on the tables; try again later, or --wait longer")
        throw ExitCode(Exit.unavailable)
      }
      if !isSaid { complain("waiting for \(holder), which is at work on the tables") }
      isSaid = true
      try pause.rest(millis: 200)
    }
  }

  private func compact(
    _ name: String, _ place: CompactPlace, _ report: inout CompactReport
  ) throws {
    let pass = place.pass
    var table = MaintainedTable(name: name, storage: place.storage, engine: Program.name)
    try table.follow()
    guard let pipeline = place.pipeline ?? table.pipeline, table.isOurs(pipeline) else { return }
    // What is merged once may be merged again with others that were.
    while true {
      let named = pass.named(pipeline)
      let planner = CompactionPlanner(
        fileByteCount: pass.options.fileByteCount, settleMillis: pass.options.settleMillis,
        nowMillis: pass.nowMillis, today: pass.today, isForced: true)
      let (files, candidates) = Compaction.candidates(table, pipeline: pipeline)
      let day = date.flatMap(DateText.day)
      let groups = planner.groups(
        candidates.filter { day == nil ? $0.day < pass.today : $0.day == day })
      guard !groups.isEmpty, var compaction = Compaction(table, in: named) else { return }
      var wasMerged = false
      for group in groups {
        if dryRun {
          report.add(group, table: name)
          continue
        }
        let outcome = try compaction.merge(group.members.map { files[$0] }, of: &table)
        if case .unfit(let path, _) = outcome { table.leaveAlone(path) }
        if case .conflict = outcome {} else { wasMerged = true }
        report.add(group, table: name, outcome)
      }
      if !wasMerged { return }
    }
  }
}

/// Where and how `compact` works.
private struct CompactPlace {
  let root: String
  let storage: POSIXStorage
  /// Nil where no configuration says; the tables do.
  let pipeline: String?
  let pass: MaintenancePass

  init(config: String?, root: String?, isDry: Bool) throws {
    let access: POSIXStorage.Access = isDry ? .readOnly : .readWrite
    var log = Logger(label: "compact") { StreamLogHandler.standardError(label: $0) }
    log.logLevel = .warning
    var options = MaintenanceOptions()
    var parquet = ParquetWriterOptions(
      createdBy: "downlinkd version \(Program.version) (build release)")
    if let config {
      let (configuration, wiring) = try Checked.load(config)
      self.root = configuration.storage.root
      pipeline = configuration.pipeline
      storage = try Checked.rootThatIs(configuration, in: config, access)
      options.fileByteCount = configuration.maintenance.fileByteCount
      options.settleMillis = configuration.maintenance.settleMicros / 1000
      parquet = wiring.pipeline.parquet
    } else {
      self.root = root ?? ""
      pipeline = nil
      do {
        // A root that is not there is not made.
        _ = try POSIXStorage(root: self.root, access: .readOnly)
        storage = try POSIXStorage(root: self.root, access: access)
      } catch {
        complain("--root: \(error)")
        throw ExitCode(Exit.configuration)
      }
    }
    pass = MaintenancePass(
      storage: storage, pipeline: pipeline ?? "", engineInfo: Program.name, options: options,
      parquet: parquet, pace: MaintenancePace(bytesPerSecond: nil), log: log)
  }
}

/// What `compact` did, for people and for programs.
private struct CompactReport {
  private struct Line {
    let table: String
    let date: String
    let fileCount: Int
    let byteCount: Int64
    let outcome: Compaction.Outcome?
  }

  let isDry: Bool
  private var lines: [Line] = []

  init(isDry: Bool) { self.isDry = isDry }

  mutating func add(
    _ group: CompactionGroup, table: String, _ outcome: Compaction.Outcome? = nil
  ) {
    lines.append(
      Line(
        table: table, date: Timestamp.dateText(day: group.day), fileCount: group.members.count,
        byteCount: group.byteCount, outcome: outcome))
  }

  var text: String {
    if lines.isEmpty { return "nothing to merge\n" }
    return lines.map { line in
      let head = "\(line.table) \(line.date): \(line.fileCount) files, \(line.byteCount) bytes"
      switch line.outcome {
      case nil: return head + " would be one\n"
      case .merged(let merge):
        return head + " → one of \(merge.outputByteCount) bytes, \(merge.rowCount) rows, version "
          + "\(merge.version)\n"
      case .conflict(let reason): return head + ": given up, \(reason)\n"
      case .unfit(let path, let reason): return head + ": \(path) is left alone, \(reason)\n"
      }
    }.joined()
  }

  var json: JSONValue {
    let groups = lines.map { line -> JSONValue in
      var members = [
        JSONMember("table", .string(line.table)), JSONMember("date", .string(line.date)),
        JSONMember("files", .int(Int64(line.fileCount))), JSONMember("bytes", .int(line.byteCount)),
      ]
      switch line.outcome {
      case nil: members.append(JSONMember("outcome", "planned"))
      case .merged(let merge):
        members += [
          JSONMember("outcome", "merged"), JSONMember("file", .string(merge.path)),
          JSONMember("file_bytes", .int(merge.outputByteCount)),
          JSONMember("copied_bytes", .int(merge.copiedByteCount)),
          JSONMember("rows", .int(Int64(merge.rowCount))),
          JSONMember("version", .int(merge.version)),
        ]
      case .conflict(let reason):
        members += [JSONMember("outcome", "conflict"), JSONMember("reason", .string(reason))]
      case .unfit(let path, let reason):
        members += [
          JSONMember("outcome", "left_alone"), JSONMember("file", .string(path)),
          JSONMember("reason", .string(reason)),
        ]
      }
      return .object(members)
    }
    return ["dry_run": .bool(isDry), "groups": .array(groups)]
  }
}
