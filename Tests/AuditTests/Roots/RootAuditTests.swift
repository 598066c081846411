import Audit
import Base
import Ledger
import Storage
import Testing

@testable import Pipeline

/// `downlinkd verify` over roots that the real committer has made: what is whole passes, and each
/// single fault is found and named.
@Suite struct RootAuditTests {
  @Test func `an undisturbed root holds, with its figures`() throws {
    let report = try AuditedRoot().audit()
    #expect(report.lines == [])
    #expect(report.holds)
    let figures = report.figures
    #expect(figures.entryCount == 6)
    #expect(figures.lastVersion == 5)
    #expect(figures.partitions.map(\.to) == [12, 12])
    #expect(figures.tables.map(\.name).contains("readings_snapshots"))
    #expect(figures.contents.count == figures.tables.reduce(0) { $0 + $1.files.count })
    #expect(figures.contents.count > 5)
    #expect(figures.states.count == 4, "two of each partition")
    #expect(figures.orphans.count == 0 && figures.undecided.count == 0)
    #expect(report.json["holds"]?.boolValue == true)
  }

  @Test func `an empty root holds, and says that it is empty`() throws {
    let report = try AuditedRoot(MemoryStorage()).audit()
    #expect(report.holds)
    #expect(report.findings.map(\.sentence).contains { $0.contains("chain is empty") })
  }

  @Test func `another pipeline's root is refused`() throws {
    let storage = try AuditedRoot().storage
    #expect(throws: AuditError.self) {
      try RootAudit.run(storage, .init(pipeline: "ships"))
    }
  }

  /// Wherever a process dies, what it leaves holds: orphans and owed entries are notes.
  @Test func `a root holds after a crash at any operation, and after the recovery`() throws {
    let whole = TestStorage()
    _ = try CommitDriver.run(whole)
    var orphanCount = 0
    var owedCount = 0
    for count in stride(from: 0, to: whole.operations.count, by: 3) {
      let memory = MemoryStorage()
      let storage = TestStorage(memory)
      storage.die(after: count)
      _ = try? CommitDriver.run(storage, incarnation: "dead")
      let left = try AuditedRoot(memory).audit()
      #expect(left.lines == [], "after \(count) operations")
      owedCount += left.figures.tables.reduce(0) { $0 + $1.owedEntryCount }
      _ = try CommitDriver.run(memory, incarnation: "next")
      let recovered = try AuditedRoot(memory).audit()
      #expect(recovered.lines == [], "recovered after \(count) operations")
      #expect(recovered.figures.tables.allSatisfy { $0.owedEntryCount == 0 })
      orphanCount += recovered.figures.orphans.count
    }
    #expect(orphanCount > 0, "some crashes left orphans that the chain has passed")
    #expect(owedCount > 0, "some crashes left tables behind the chain")
  }

  // MARK: - Faults

  /// One way to damage a root, and what must be said of it.
  struct Fault: CustomTestStringConvertible, Sendable {
    let name: String
    let invariant: Invariant
    let words: String
    let damage: @Sendable (AuditedRoot) throws -> Void

    var testDescription: String { name }

    init(
      _ name: String, _ invariant: Invariant, _ words: String,
      _ damage: @escaping @Sendable (AuditedRoot) throws -> Void
    ) {
      self.name = name
      self.invariant = invariant
      self.words = words
      self.damage = damage
    }
  }

  private static let entry = Ledger.entryPath(5)

  static let faults = chainFaults + accountingFaults + tableFaults + fileFaults

  private static let chainFaults: [Fault] = [
    Fault("an entry in the middle is gone", .moves, "is missing, though") {
      try $0.storage.delete(Ledger.entryPath(3))
    },
    Fault("an entry is cut short", .moves, "cannot read") { root in
      try root.replace(entry, with: Array(try root.storage.read(entry).dropLast(9)))
    },
    Fault("an entry is empty", .moves, "cannot read") { try $0.replace(entry, with: []) },
    Fault("an entry says another version", .moves, "another version than its name") {
      try $0.rewrite(entry, #""version":5"#, #""version":7"#)
    },
    Fault("an entry is of an unknown kind", .moves, "newer downlinkd") {
      try $0.rewrite(entry, #""kind":"commit""#, #""kind":"merge""#)
    },
    Fault("an entry is of another ledger", .moves, "belongs to ledger other") {
      try $0.rewrite(entry, #"ledger_id":""#, #"ledger_id":"other"#)
    },
    Fault("a move starts beyond the chain's end", .moves, "the chain stands at offset 6") {
      try $0.rewrite(entry, #""from":6"#, #""from":7"#)
    },
    Fault("a move starts before it", .moves, "the chain stands at offset 6") {
      try $0.rewrite(entry, #""from":6"#, #""from":5"#)
    },
    Fault("a move is based on an older entry", .bases, "moved it since") {
      try $0.rewrite(entry, #""prev":4"#, #""prev":3"#)
    },
    Fault("a state's cut lies beyond its move", .cuts, "lies beyond") {
      try $0.rewrite(entry, #""cut":12"#, #""cut":13"#)
    },
    Fault("two entries have one commit id", .moves, "which entry 4 has too") { root in
      let counters = try [Int64(4), 5].map { version in
        let path = Ledger.entryPath(version)
        let bytes = try root.storage.read(path)
        return try LedgerEntry(parsing: bytes, path: path, version: version).commitID.counter
      }
      try root.rewrite(
        entry, #""counter":\#(counters[1])"#, #""counter":\#(counters[0])"#)
    },
  ]

  private static let accountingFaults: [Fault] = [
    Fault("a counter is one too high", .outcomes, "does not add up: the offsets") {
      try $0.rewrite(entry, #""records_read":1"#, #""records_read":2"#)
    },
    Fault("rows are counted that no file has", .outcomes, "rows in the files of readings") {
      try $0.rewrite(entry, #""readings":1"#, #""readings":2"#)
    },
    Fault("a counter is absurd", .outcomes, "its counter") {
      try $0.rewrite(entry, #""records_dead":"#, #""records_dead":9223372036854775"#)
    },
  ]

  private static let tableFaults: [Fault] = [
    Fault("a table's log lacks a commit in the middle", .tables, "of the log is missing") {
      try $0.storage.delete("tables/readings_samples/_delta_log/00000000000000000001.json")
    },
    Fault("an action of a log differs from its entry's", .tables, "is not the one") {
      try $0.rewrite(
        "tables/readings_samples/_delta_log/00000000000000000001.json",
        #""dataChange":true"#, #""dataChange" :false"#)
    },
    Fault("a log lacks an action of its entry", .tables, "actions, its entries") { root in
      let path = "tables/readings_samples/_delta_log/00000000000000000002.json"
      let lines = try root.storage.read(path).split(separator: 10).dropLast()
      try root.replace(path, with: Array(lines.joined(separator: [10])))
    },
    Fault("a log takes an entry twice", .tables, "again; the table had taken") { root in
      let log = "tables/readings_samples/_delta_log/0000000000000000000"
      _ = try root.storage.putIfAbsent(log + "3.json", try root.storage.read(log + "2.json"))
    },
    Fault("a log is ahead of the chain", .tables, "but the chain ends") { root in
      let log = "tables/readings_samples/_delta_log/0000000000000000000"
      _ = try root.storage.putIfAbsent(log + "3.json", try root.storage.read(log + "2.json"))
      try root.rewrite(log + "3.json", #""version":5,"lastU"#, #""version":9,"lastU"#)
    },
    Fault("a log is not JSON", .tables, "cannot read commit 1") {
      try $0.replace(
        "tables/readings_samples/_delta_log/00000000000000000001.json", with: [0x7B, 0x0A])
    },
    Fault("a table's schema was changed", .tables, "changed its schema") { root in
      let log = "tables/gaps/_delta_log/0000000000000000000"
      let text = String(decoding: try root.storage.read(log + "0.json"), as: UTF8.self)
      let line = text.split(separator: "\n").first { $0.contains("metaData") } ?? ""
      let other = line.split(separator: "decided_by").joined(separator: "decided_at")
      _ = try root.storage.putIfAbsent(log + "1.json", Array(other.utf8))
    },
    Fault("a table is of another ledger", .tables, "belongs to another ledger") {
      try $0.rewrite("tables/gaps/_delta_log/00000000000000000000.json", "fleet/", "fleet/0")
    },
  ]

  private static let fileFaults: [Fault] = [
    Fault("a data file is gone", .durability, "it is missing, and with it") { root in
      try root.storage.delete(try root.path("readings_snapshots/event", ".parquet"))
    },
    Fault("a data file has a byte more", .durability, "bytes, the log says") { root in
      let path = try root.path("windows/event", ".parquet")
      try root.replace(path, with: try root.storage.read(path) + [0])
    },
    Fault("a data file has another byte", .durability, "its checksum is") {
      try $0.flip(try $0.path("windows/event", ".parquet"))
    },
    Fault("the newest state snapshot is gone", .durability, "the newest state of") { root in
      try root.storage.delete(try root.last("_state/", "telemetry"))
    },
    Fault("the newest state snapshot has another byte", .durability, "the newest state of") {
      try $0.flip(try $0.last("_state/", "telemetry"))
    },
    Fault("the older state snapshot is cut short", .durability, "the older state of") { root in
      let path = try root.path("_state/", "telemetry")
      try root.replace(path, with: Array(try root.storage.read(path).dropLast()))
    },
  ]

  @Test(arguments: faults) func `every fault is found and named`(fault: Fault) throws {
    let root = try AuditedRoot()
    let before = root.storage.paths.count
    try fault.damage(root)
    let report = try root.audit()
    #expect(!report.holds)
    #expect(
      report.findings.contains { finding in
        finding.severity != .note && finding.invariant == fault.invariant
          && finding.sentence.contains(fault.words)
      }, "\(fault.name): \(report.lines)")
    #expect(root.storage.paths.count >= before - 1, "an audit writes nothing and deletes nothing")
  }

  @Test func `without reading contents a flipped byte goes unseen, a missing file does not`() throws
  {
    let root = try AuditedRoot()
    try root.flip(try root.path("windows/event", ".parquet"))
    #expect(try root.audit(readsContents: false).holds)
    try root.storage.delete(try root.path("windows/event", ".parquet"))
    #expect(try !root.audit(readsContents: false).holds)
  }

  /// Files of releases before the checksum, and of none: they are decoded whole instead.
  @Test func `a file without a checksum is decoded`() throws {
    let root = try AuditedRoot()
    for path in root.storage.paths where path.hasSuffix(".json") {
      let text = String(decoding: try root.storage.read(path), as: UTF8.self)
      for tag in text.split(separator: #","tags":{"#).dropFirst() {
        let end = try #require(tag.firstIndex(of: "}"))
        try root.rewrite(path, #","tags":{"# + tag[...end], "")
      }
    }
    #expect(try root.audit().lines == [])
    let path = try root.path("windows/event", ".parquet")
    var bytes = try root.storage.read(path)
    for index in 40..<60 { bytes[index] ^= 0xFF }
    try root.replace(path, with: bytes)
    #expect(try root.audit().lines.contains { $0.contains("damaged Parquet file") })
  }
}
