import ArgumentParser
import Base
import DeltaLog
import Storage
import TableReading

/// `downlinkd inspect table`: what a table consists of, by its log.
struct InspectTableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table",
    abstract: "Show what a table consists of: files, bytes and rows, by date.",
    discussion: """
      What other engines did (OPTIMIZE, DELETE) is in it.

      Exit codes: 0 done, 65 the table's log is damaged, 69 there is no such table or its log \
      cannot be read, 78 the configuration does not fit.
      """)

  @Argument(help: "The table's name, such as windows.")
  var name: String

  @OptionGroup var place: InspectedRoot

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let storage = try place.storage()
    var follower = TableFollower(storage: storage, folder: "tables/\(name)")
    do throws(DeltaError) {
      while try !follower.follow(untilNanos: .max) {}
    } catch {
      if case .malformedCommit = error { throw inspectionFailed("\(error)", damaged: true) }
      throw inspectionFailed("\(error)", damaged: false)
    }
    guard follower.version >= 0 else {
      throw inspectionFailed("there is no table \(InspectText.name(name))", damaged: false)
    }
    let report = TableReport(follower)
    print(json ? report.json.text : report.text)
  }
}

/// A table's files by date.
struct TableReport {
  private struct Day {
    var fileCount = 0
    var byteCount: Int64 = 0
    var rowCount: Int64 = 0
    var byteCountMin = Int64.max
    var byteCountMax: Int64 = 0
    var rewrittenCount = 0
  }

  private let size: TableSize
  private var days: [Int32?: Day] = [:]

  init(_ follower: TableFollower) {
    size = follower.size
    for file in follower.files {
      var day = days[file.day] ?? Day()
      day.fileCount += 1
      day.byteCount += file.byteCount
      day.rowCount += max(0, file.rowCount)
      day.byteCountMin = min(day.byteCountMin, file.byteCount)
      day.byteCountMax = max(day.byteCountMax, file.byteCount)
      if file.isRewrite { day.rewrittenCount += 1 }
      days[file.day] = day
    }
  }

  private var sorted: [(day: Int32?, of: Day)] {
    days.sorted { ($0.key ?? .min) < ($1.key ?? .min) }.map { ($0.key, $0.value) }
  }

  var text: String {
    var lines = [
      "table \(InspectText.name(size.name)), version \(size.version): "
        + InspectText.counted(size.fileCount, "file") + ", \(InspectText.bytes(size.byteCount)), "
        + (size.rowCount.map { "\($0) rows" } ?? "rows of some files are not known")
    ]
    if let rows = size.rowCount, rows > 0 {
      lines[0] += ", \(decimal(Double(size.byteCount) / Double(rows))) bytes a row"
    }
    if days.isEmpty { return lines[0] }
    var rows = [
      ["event_date", "files", "rows", "size", "smallest", "largest", "rewritten by others"]
    ]
    for (day, of) in sorted {
      rows.append([
        day.map { Timestamp.dateText(day: $0) } ?? "-", "\(of.fileCount)", "\(of.rowCount)",
        InspectText.bytes(of.byteCount), InspectText.bytes(of.byteCountMin),
        InspectText.bytes(of.byteCountMax), of.rewrittenCount > 0 ? "\(of.rewrittenCount)" : "",
      ])
    }
    lines += [""] + InspectText.table(rows, right: [1, 2, 3, 4, 5, 6])
    return lines.joined(separator: "\n")
  }

  var json: JSONValue {
    [
      "name": .string(size.name), "version": .int(size.version), "files": .int(size.fileCount),
      "bytes": .int(size.byteCount), "rows": size.rowCount.map { .int($0) } ?? .null,
      "dates": .array(
        sorted.map { day, of in
          [
            "event_date": .optional(day.map { Timestamp.dateText(day: $0) }),
            "files": .int(of.fileCount), "rows": .int(of.rowCount), "bytes": .int(of.byteCount),
            "smallest_bytes": .int(of.byteCountMin), "largest_bytes": .int(of.byteCountMax),
            "rewritten": .int(of.rewrittenCount),
          ]
        }),
    ]
  }

  private func decimal(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
