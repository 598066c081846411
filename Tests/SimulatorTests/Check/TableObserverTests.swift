import Base
import Parquet
import Storage
import Testing

@testable import Simulator

/// What watches the tables must see it when maintenance goes wrong: an oracle that cannot fail
/// proves nothing.
@Suite struct TableObserverTests {
  /// A table of two files of two dates, under the eyes of an observer.
  private struct Course {
    let list = ViolationList()
    let tally = FaultTally()
    let disk: ObservedDisk
    let storage: POSIXStorage
    private var version: Int64 = -1

    static let folder = "tables/readings_snapshots"
    static let dates = ["2026-09-21", "2026-09-22"]
    /// Of the first date's end, milliseconds.
    static let firstEndMillis =
      Int64(Timestamp.day(year: 2026, month: 9, day: 22)) * 86_400_000

    init(keepMillis: Int64? = nil) throws {
      let world = DeterministicWorld(seed: 1, stepCountMax: 1) { preconditionFailure($0) }
      disk = ObservedDisk(SimulatedDisk(seed: 1, tally: tally), in: world)
      disk.setObservers(
        ChainObserver(disk: disk, list: list, tally: tally),
        TableObserver(
          disk: disk, list: list, tally: tally,
          keepMillis: keepMillis.map { ["readings_snapshots": $0] } ?? [:]))
      storage = try POSIXStorage(root: ObservedDisk.root, fileSystem: disk.mount(process: 1))
      try commit([
        try add("a.parquet", [1, 2], date: Self.dates[0]),
        try add("b.parquet", [3], date: Self.dates[0]),
        try add("c.parquet", [4], date: Self.dates[1]),
      ])
    }

    static func path(_ name: String, date: String) -> String { "event_date=\(date)/\(name)" }

    /// Writes a file of these rows, and says what adds it.
    func add(
      _ name: String, _ rows: [Int64], date: String, changesRows: Bool = true
    ) throws -> JSONValue {
      let path = Self.path(name, date: date)
      var writer = ParquetFileWriter(
        schema: ParquetSchema(columns: [ParquetColumn(name: "value", type: .int64)]),
        options: ParquetWriterOptions(compression: .none, createdBy: "test"))
      writer.beginRowGroup(rowCount: rows.count)
      writer.writeColumn(.int64(rows))
      writer.endRowGroup()
      let bytes = writer.finish().output
      _ = try storage.putIfAbsent("\(Self.folder)/\(path)", bytes)
      return [
        "add": [
          "path": .string(path), "size": .int(bytes.count), "dataChange": .bool(changesRows),
          "partitionValues": ["event_date": .string(date)],
        ]
      ]
    }

    func remove(_ name: String, date: String, changesRows: Bool) -> JSONValue {
      [
        "remove": [
          "path": .string(Self.path(name, date: date)), "dataChange": .bool(changesRows),
          "deletionTimestamp": .int(Int64(5)),
        ]
      ]
    }

    mutating func commit(_ actions: [JSONValue], atMillis: Int64 = 0) throws {
      version += 1
      let info: JSONValue = [
        "commitInfo": ["timestamp": .int(atMillis), "operation": "OPTIMIZE"]
      ]
      let lines = ([info] + actions).map { $0.bytes + [UInt8(ascii: "\n")] }
      let path = TableLogReader.path(version, of: "readings_snapshots")
      _ = try storage.putIfAbsent(path, lines.flatMap { $0 })
    }

    var violations: [String] { list.violations.map(\.description) }
  }

  @Test func `files made anew with the same rows are fine`() throws {
    var course = try Course()
    let dates = Course.dates
    try course.commit([
      course.remove("a.parquet", date: dates[0], changesRows: false),
      course.remove("b.parquet", date: dates[0], changesRows: false),
      try course.add("d.parquet", [1, 2, 3], date: dates[0], changesRows: false),
    ])
    #expect(course.violations.isEmpty)
    #expect(course.tally.taken[.tableCompacted] == 1)
    let log = TableLogReader(disk: course.disk, table: "readings_snapshots")
    #expect(log.files().map(\.path).sorted().map { $0.suffix(9) } == ["d.parquet", "c.parquet"])
    #expect(TableRows(disk: course.disk, table: "readings_snapshots").read(course.list).count == 4)
  }

  @Test func `a row more, less or of another date is seen`() throws {
    for (rows, date) in [([1, 2, 3, 3], 0), ([1, 2], 0), ([1, 2, 3], 1)] as [([Int64], Int)] {
      var course = try Course()
      try course.commit([
        course.remove("a.parquet", date: Course.dates[0], changesRows: false),
        course.remove("b.parquet", date: Course.dates[0], changesRows: false),
        try course.add("d.parquet", rows, date: Course.dates[date], changesRows: false),
      ])
      #expect(course.violations.count == 1)
      #expect(course.violations.first?.contains("I13") == true)
    }
  }

  @Test func `a file that is not live cannot be removed`() throws {
    var course = try Course()
    let remove = course.remove("a.parquet", date: Course.dates[0], changesRows: false)
    let add = try course.add("d.parquet", [1, 2], date: Course.dates[0], changesRows: false)
    try course.commit([remove, add])
    try course.commit([remove])
    #expect(course.violations.contains { $0.contains("which is not live") })
  }

  @Test func `dates go when they are kept no longer, and no sooner`() throws {
    let remove = { (course: Course) in
      ["a.parquet", "b.parquet"].map { name in
        course.remove(name, date: Course.dates[0], changesRows: true)
      }
    }
    var late = try Course(keepMillis: 1000)
    try late.commit(remove(late), atMillis: Course.firstEndMillis + 1000)
    #expect(late.violations.isEmpty)
    #expect(
      TableRows(disk: late.disk, table: "readings_snapshots").read(late.list).count == 4,
      "what retention took counts as ever there")
    var early = try Course(keepMillis: 1000)
    try early.commit(remove(early), atMillis: Course.firstEndMillis + 999)
    #expect(early.violations.first?.contains("too early") == true)
    var forever = try Course()
    try forever.commit(remove(forever), atMillis: .max)
    #expect(forever.violations.first?.contains("takes rows away") == true)
  }

  @Test func `a live file that is deleted is seen, and a commit cleaned up too soon`() throws {
    let course = try Course()
    let path = Course.path("a.parquet", date: Course.dates[0])
    try course.storage.delete("\(Course.folder)/\(path)")
    #expect(course.violations.first?.contains("is live and was deleted") == true)
    try course.storage.delete(TableLogReader.path(0, of: "readings_snapshots"))
    #expect(course.violations.last?.contains("without a durable log checkpoint") == true)
  }
}
