import Base
import Decode
import Testing

@testable import downlinkd

@Suite struct CSVSourceTests {
  private let folder = TemporaryFolder()

  private func options(
    _ text: String, _ change: (inout CSVOptions) -> Void = { _ in }
  ) -> CSVOptions {
    var options = CSVOptions(
      files: [folder.write(text)], deviceColumn: "device", timeColumn: "time")
    change(&options)
    return options
  }

  private func read(_ options: CSVOptions) throws -> (records: [Reader.Record], tally: CSVTally) {
    var source = try CSVSource(options)
    var reader = try Reader(options.form == .wide ? Reader.wide : Reader.samples)
    var found: [Reader.Record] = []
    for record in try records(of: &source) {
      found.append(reader.read(record))
      #expect(found.last?.device == String(decoding: record.key, as: UTF8.self))
      #expect(found.last?.rows.map(\.micros).max() == record.eventMicros)
    }
    return (found, source.tally)
  }

  private static let twoDays = """
    device,time,a,b
    x,2014-01-01T00:50:00+01:00,1,2
    y,2014-01-01T00:50:00+01:00,3,
    x,2014-01-01T00:59:59.999999+01:00,4,5
    x,2014-01-01T01:00:00+01:00,6,7
    y,2014-01-01T00:59:00+01:00,,8
    x,2014-01-01T02:00:00+01:00,9,oops

    """

  @Test func `a device's rows of one UTC day are one record, in the order of the file`() throws {
    let (records, tally) = try read(options(Self.twoDays) { $0.rule = .deviceDay })
    // The day changes at 01:00+01:00; x's first record is finished before y's only one.
    #expect(records.map(\.device) == ["x", "x", "y"])
    #expect(records.map(\.sequence) == [0, 1, 0])
    let start: Int64 = 1_388_533_800_000_000
    #expect(
      records[0].rows == [
        .init(micros: start, metric: "a", values: [1]),
        .init(micros: start, metric: "b", values: [2]),
        .init(micros: start + 599_999_999, metric: "a", values: [4]),
        .init(micros: start + 599_999_999, metric: "b", values: [5]),
      ])
    #expect(records[1].rows.map(\.values) == [[6], [7], [9]])
    #expect(records[2].rows.map(\.metric) == ["a", "b"])
    #expect(tally.rowCount == 6 && tally.valueCount == 12)
    #expect(tally.missingValueCount == 2 && tally.unreadableValueCount == 1)
  }

  @Test func `both instants of the hour that comes twice are kept, and equal ones too`() throws {
    let text = """
      device,time,a
      x,2014-10-26T02:30:00+02:00,1
      x,2014-10-26T02:30:00+01:00,2
      x,2014-10-26T01:30:00+00:00,3

      """
    let (records, _) = try read(options(text) { $0.rule = .file })
    let first: Int64 = 1_414_283_400_000_000
    #expect(records[0].rows.map(\.micros) == [first, first + 3_600_000_000, first + 3_600_000_000])
    #expect(records[0].rows.map(\.values) == [[1], [2], [3]])
  }

  @Test func `so many rows are a record, and what is left at the end is one too`() throws {
    let rows = (0..<7).map { "x,\($0 + 1),\($0)\n" }.joined()
    let (records, _) = try read(
      options("device,time,a\n" + rows) {
        $0.rule = .rows(3)
        $0.time = TimeText(unit: .s, assumesUTC: false)
      })
    #expect(records.map { $0.rows.compactMap { $0.values[0] } } == [[0, 1, 2], [3, 4, 5], [6]])
  }

  @Test func `columns of words are no metrics unless named, and then counted`() throws {
    let text = "device,note,time,a,empty\nx,hello,1,5,\nx,hi,2,6,\nx,7,3,7,\n"
    let time = TimeText(unit: .s, assumesUTC: false)
    let (records, tally) = try read(options(text) { $0.time = time })
    #expect(records.flatMap(\.rows).map(\.metric) == ["a", "a", "a"])
    #expect(tally.missingValueCount == 3)
    let (named, namedTally) = try read(
      options(text) {
        $0.time = time
        $0.metrics = [.init(column: "note", name: "n"), .init(column: "a", name: "b")]
      })
    #expect(named.flatMap(\.rows).map(\.metric) == ["b", "b", "n", "b"])
    #expect(namedTally.unreadableValueCount == 2)
  }

  @Test func `attributes come from columns and from the command line`() throws {
    let text = "device,fw,time,a\nx,1.0,1,1\nx,1.0,2,2\nx,2.0,3,3\nx,,4,4\n"
    let (records, _) = try read(
      options(text) {
        $0.time = TimeText(unit: .s, assumesUTC: false)
        $0.rule = .file
        $0.attributeColumns = [("fw", .firmware)]
        $0.fixedAttributes = [(.region, "eu"), (.model, "MM82")]
      })
    // A record has one firmware: each change begins another.
    #expect(
      records.map(\.attributes) == [
        ["eu", "1.0", "MM82"], ["eu", "2.0", "MM82"], ["eu", nil, "MM82"],
      ])
    #expect(records.map(\.rows.count) == [2, 1, 1])
  }

  @Test func `bad rows are left out, counted by reason, and cost no others`() throws {
    let text = """
      device,time,a
      x,1,1
      ,2,2
      x,when,3
      x,4
      x,5,5,5
      x,"6"6,6
      x,-7,7
      x,8,8

      """
    let (records, tally) = try read(
      options(text) {
        $0.time = TimeText(unit: .s, assumesUTC: false)
        $0.metrics = [.init(column: "a", name: "a")]
      })
    #expect(records.flatMap(\.rows).map(\.values) == [[1], [8]])
    #expect(tally.leftOutCount(.device) == 1 && tally.leftOutCount(.time) == 1)
    #expect(tally.leftOutCount(.malformed) == 3 && tally.leftOutCount(.timeBefore1970) == 1)
    #expect(tally.notes(fileCount: 1, deviceCount: 1).contains { $0.contains(":4)") })
  }

  @Test func `a record is sent early rather than too large`() throws {
    let rows = (0..<1000).map { "x,\($0 + 1),\($0)\n" }.joined()
    let limited = options("device,time,a\n" + rows) {
      $0.rule = .file
      $0.time = TimeText(unit: .s, assumesUTC: false)
      $0.payloadByteCountMax = 2000
    }
    var source = try CSVSource(limited)
    let made = try records(of: &source)
    #expect(made.count > 10 && made.allSatisfy { $0.payload.count <= 2000 })
    let (decoded, _) = try read(limited)
    #expect(decoded.flatMap(\.rows).compactMap { $0.values[0] } == (0..<1000).map(Double.init))
  }

  @Test func `several files follow one another, with columns in any order`() throws {
    var both = options("device,time,a\nx,1,1\n") {
      $0.time = TimeText(unit: .s, assumesUTC: false)
      $0.rule = .deviceDay
    }
    both.files.append(folder.write("a,b,device,time\n2,9,x,2\n", as: "more.csv"))
    #expect(try read(both).records.map { $0.rows.map(\.values) } == [[[1], [2]]])
    both.rule = .file
    #expect(try read(both).records.map { $0.rows.map(\.values) } == [[[1]], [[2]]])
  }

  @Test func `a wide row fills the fields it names and leaves the others absent`() throws {
    let text = "device,time,v,t\nx,1.0009,28.5,\nx,2,,\ny,3,1,-4\n"
    let (records, tally) = try read(
      options(text) {
        $0.form = .wide
        $0.time = TimeText(unit: .s, assumesUTC: false)
        $0.metrics = [
          .init(column: "t", name: "battery_temperature_c"),
          .init(column: "v", name: "battery_voltage_v"),
        ]
      })
    let absent = [Double?](repeating: nil, count: 7)
    #expect(records.map(\.rows) == [
      [.init(micros: 1_000_000, metric: nil, values: [28.5, nil, nil] + absent)],
      [.init(micros: 3_000_000, metric: nil, values: [1, nil, -4] + absent)],
    ])
    #expect(tally.emptyRecordCount == 1 && tally.shortenedTimeCount == 1)
  }

  @Test(arguments: [
    ("devise", "time", "a", "did you mean `device`?"),
    ("device", "when", "a", "`device`, `time`, `a`"), ("device", "time", "b", "--metric"),
    ("a", "a", "twice", "no column `twice`"),
  ])
  func `a missing column is told with those that are there`(
    device: String, time: String, metric: String, hint: String
  ) {
    var options = options("device,time,a\n")
    options.deviceColumn = device
    options.timeColumn = time
    options.metrics = [.init(column: metric, name: metric)]
    let error = #expect(throws: ProduceError.self) { _ = try CSVSource(options) }
    guard case .usage(let sentence) = error else {
      Issue.record("not a usage error")
      return
    }
    #expect(sentence.contains(hint), "\(sentence)")
  }

  @Test func `a wide metric that the message does not have is refused with the nearest`() {
    let text = "device,time,battery_voltage\nx,1,2\n"
    let error = #expect(throws: ProduceError.self) {
      _ = try CSVSource(options(text) { $0.form = .wide })
    }
    #expect(error?.description.contains("did you mean `battery_voltage_v`?") == true)
  }
}
