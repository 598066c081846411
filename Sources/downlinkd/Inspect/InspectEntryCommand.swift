import ArgumentParser
import Base
import Ledger
import Storage

/// `downlinkd inspect entry`: one entry of the ledger.
struct InspectEntryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "entry",
    abstract: "Show an entry of the ledger: what moved, the files, the state, the figures.",
    discussion: """
      Exit codes: 0 done, 65 the entry is damaged, 69 there is none of that number or it cannot be \
      read, 78 the configuration does not fit.
      """)

  @Argument(help: .init("Its version, or last.", valueName: "version"))
  var version = "last"

  @OptionGroup var place: InspectedRoot

  @Flag(name: .long, help: "Print the entry as JSON.")
  var json = false

  func validate() throws {
    if version == "last" { return }
    guard let number = Int64(version), (0...(1 << 60)).contains(number) else {
      throw ValidationError("\"\(version)\" is neither a version nor last")
    }
  }

  func run() throws {
    let storage = try place.storage()
    let number = try number(storage)
    let path = Ledger.entryPath(number)
    let bytes: [UInt8]
    do throws(StorageError) { bytes = try storage.read(path) } catch {
      if error.kind == .notFound {
        throw inspectionFailed(
          "there is no \(path): \(try there(storage))", damaged: false)
      }
      throw inspectionFailed("\(error)", damaged: false)
    }
    let entry: LedgerEntry
    do throws(LedgerError) {
      entry = try LedgerEntry(parsing: bytes, path: path, version: number)
    } catch {
      throw inspectionFailed("\(error)", damaged: true)
    }
    print(json ? entry.json.text : EntryText.text(entry, path: path))
  }

  private func versions(_ storage: any Storage) throws -> [Int64] {
    do throws(StorageError) {
      return try storage.list(Ledger.folder).compactMap { Ledger.entryVersion(ofName: $0) }
    } catch {
      throw inspectionFailed("\(error)", damaged: false)
    }
  }

  private func number(_ storage: any Storage) throws -> Int64 {
    if let number = Int64(version) { return number }
    guard let last = try versions(storage).max() else {
      throw inspectionFailed("there is no entry in \(Ledger.folder)", damaged: false)
    }
    return last
  }

  private func there(_ storage: any Storage) throws -> String {
    let versions = try versions(storage)
    guard let first = versions.min(), let last = versions.max() else {
      return "the ledger is empty"
    }
    return "entries \(first) to \(last) are there; older ones are retired behind a summary"
  }
}

/// An entry for people.
enum EntryText {
  /// Files that are listed of each table.
  private static let fileCountMax = 20

  static func text(_ entry: LedgerEntry, path: String) -> String {
    var lines = ["entry \(entry.version) (\(entry.kind.rawValue)) of pipeline \(entry.pipeline)"]
    lines.append(InspectText.fact("file", path))
    lines.append(InspectText.fact("written", InspectText.time(entry.writtenAtMicros)))
    lines.append(InspectText.fact("commit", "\(entry.commitID)"))
    lines.append(InspectText.fact("ledger", entry.ledgerID))
    lines.append(InspectText.fact("cluster", entry.clusterID ?? "-"))
    lines.append(InspectText.fact("config", entry.configFingerprint))
    lines.append(InspectText.fact("program", entry.program))
    if let replay = entry.replay {
      lines.append(
        InspectText.fact(
          "replay of", "dead letters, after "
            + (replay.previous == ReplayStep.none ? "none" : "entry \(replay.previous)")))
    }
    lines += openings(entry) + moves(entry) + tables(entry)
    if !entry.decisions.isEmpty {
      lines += ["", "decisions"]
      lines += entry.decisions.map { "  \($0.kind.rawValue) of \($0.key) at offset \($0.offset)" }
    }
    if !entry.counters.isEmpty {
      lines += ["", "figures"]
      lines += InspectText.table(
        entry.counters.map { ["  " + $0.name, "\($0.value)"] }, right: [1])
    }
    return lines.joined(separator: "\n")
  }

  private static func openings(_ entry: LedgerEntry) -> [String] {
    if entry.openings.isEmpty { return [] }
    return ["", "opened"]
      + entry.openings.map { opening in
        let starts = zip(opening.firstPartition..<opening.partitionCount, opening.startOffsets)
          .map { "\($0) at \($1)" }.joined(separator: ", ")
        return "  \(opening.topic) (incarnation \(opening.incarnation)): \(starts)"
      }
  }

  private static func moves(_ entry: LedgerEntry) -> [String] {
    if entry.partitions.isEmpty { return [] }
    var rows = [["  partition", "from", "to", "records", "after entry", "clock"]]
    for move in entry.partitions {
      rows.append([
        "  \(move.key)", "\(move.from)", "\(move.to)", "\(move.to - move.from)",
        "\(move.previous)", InspectText.time(move.clockMicros),
      ])
    }
    var lines = ["", "moves"] + InspectText.table(rows, right: [1, 2, 3, 4])
    for move in entry.partitions {
      if move.notDelivered > 0 {
        lines.append("  \(move.key): \(move.notDelivered) offsets not delivered")
      }
      for gap in move.gaps {
        lines.append(
          "  \(move.key): skipped \(gap.from) to \(gap.to) (\(gap.reason), decided by the "
            + "\(gap.decidedBy.rawValue))")
      }
      if !move.unknownSchemas.runs.isEmpty {
        lines.append(
          "  \(move.key): \(move.unknownSchemas.runs.count) runs of records of unknown schemas")
      }
      if let state = move.state {
        lines.append(
          "  \(move.key): state \(state.path), at offset \(state.cut), "
            + InspectText.bytes(state.byteCount)
            + (state.isNeeded ? ", and no older one may stand in" : ""))
      }
      if let witness = move.witness {
        lines.append(
          "  \(move.key): witness at offset \(witness.offset), "
            + InspectText.time(witness.timestampMicros))
      }
    }
    return lines
  }

  private static func tables(_ entry: LedgerEntry) -> [String] {
    var lines: [String] = []
    for table in entry.tables {
      let adds = table.actions.compactMap { $0["add"] }
      var rows: Int64 = 0
      var bytes: Int64 = 0
      var files: [[String]] = []
      for add in adds {
        let stats = add["stats"]?.stringValue.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
        let rowCount = stats?["numRecords"]?.int64Value ?? 0
        let byteCount = add["size"]?.int64Value ?? 0
        rows += rowCount
        bytes += byteCount
        files.append([
          "  " + InspectText.name(add["path"]?.stringValue ?? "?", countMax: 150),
          "\(rowCount) rows", InspectText.bytes(byteCount),
        ])
      }
      let others = table.actions.compactMap { $0.members?.first?.name }.filter { $0 != "add" }
      var line = "table \(table.table)"
      if !others.isEmpty { line += ": \(others.joined(separator: ", "))" }
      if !adds.isEmpty {
        line += ": \(InspectText.counted(adds.count, "file")), \(rows) rows, "
          + InspectText.bytes(bytes)
      }
      lines += ["", line] + InspectText.table(Array(files.prefix(fileCountMax)), right: [1, 2])
      if files.count > fileCountMax { lines.append("  … and \(files.count - fileCountMax) more") }
    }
    return lines
  }
}
