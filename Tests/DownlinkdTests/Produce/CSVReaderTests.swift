import Testing

@testable import downlinkd

@Suite struct CSVReaderTests {
  /// Every row's fields, and the line it began on.
  private func rows(
    _ bytes: [UInt8], delimiter: Unicode.Scalar = ",", name: String = "rows.csv"
  ) throws -> [(line: Int, fields: [String])] {
    let folder = TemporaryFolder()
    let path = folder.write(bytes, as: name)
    var reader = CSVReader(try ByteInput.open(path), delimiter: UInt8(ascii: delimiter))
    var rows: [(line: Int, fields: [String])] = []
    while try reader.next() {
      let fields = reader.fields.map { String(decoding: reader.text[$0], as: UTF8.self) }
      for field in reader.fields { #expect(reader.text[field.upperBound] == 0) }
      rows.append((reader.line, reader.isMalformed ? ["malformed"] : fields))
    }
    return rows
  }

  @Test(arguments: [
    ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
    ("a,b\r\n1,2", [["a", "b"], ["1", "2"]]),
    ("a,b\r\n1,2\r", [["a", "b"], ["1", "2"]]),
    ("a,,\n", [["a", "", ""]]),
    (",", [["", ""]]),
    ("", []),
    ("\n\r\n\n", []),
    ("\"a,b\",\"c\"\"d\"\n", [["a,b", "c\"d"]]),
    ("\"two\nlines\",x\n\"\"\ny,\"\"\n", [["two\nlines", "x"], ["y", ""]]),
    ("\"two\r\nlines\"\r\nz\r\n", [["two\r\nlines"], ["z"]]),
    ("say \"hi\",5\" pipe\n", [["say \"hi\"", "5\" pipe"]]),
    ("\"a\"b,c\nd,e\n", [["malformed"], ["d", "e"]]),
    ("\u{FEFF}a,b\n", [["a", "b"]]),
    ("\"\u{FEFF}\"\n", [["\u{FEFF}"]]),
    ("é,\"\"\"\"\n", [["é", "\""]]),
    ("a\r,b\n", [["a\r", "b"]]),
    ("\"a\r\"\r\n", [["a\r"]]),
  ])
  func `rows are taken apart as RFC 4180 says`(text: String, expected: [[String]]) throws {
    #expect(try rows(Array(text.utf8)).map(\.fields) == expected)
  }

  @Test func `a row knows its line, also behind line ends inside quotes`() throws {
    let found = try rows(Array("h\n\"a\nb\"\n\nc\n".utf8))
    #expect(found.map(\.line) == [1, 2, 5])
  }

  @Test func `another delimiter leaves commas alone`() throws {
    #expect(try rows(Array("a,b;c\n".utf8), delimiter: ";").map(\.fields) == [["a,b", "c"]])
  }

  @Test func `rows run across the edges of the read buffer`() throws {
    let row = "0123456789,\"abc\"\"def\",\r\n"
    let count = 3 * (256 << 10) / row.utf8.count
    let found = try rows(Array(String(repeating: row, count: count).utf8))
    #expect(found.count == count)
    #expect(found.allSatisfy { $0.fields == ["0123456789", "abc\"def", ""] })
  }

  @Test func `a quote that is never closed is an error and not a huge field`() {
    #expect(throws: ProduceError.self) { try rows(Array("a,b\n1,\"2\n3,4\n".utf8)) }
  }

  @Test func `a damaged packed file is an error`() {
    for name in ["rows.csv.zst", "rows.csv.gz"] {
      #expect(throws: ProduceError.self) { try rows(Array("no archive".utf8), name: name) }
    }
  }

  @Test func `a gzip file is unpacked on the way`() throws {
    // printf 'a,b\n1,2\n' | gzip -9n
    let packed: [UInt8] = [
      0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0x4B, 0xD4, 0x49, 0xE2, 0x32, 0xD4, 0x31, 0xE2, 2, 0,
      0x7B, 7, 0x97, 0x0A, 8, 0, 0, 0,
    ]
    #expect(try rows(packed, name: "rows.csv.gz").map(\.fields) == [["a", "b"], ["1", "2"]])
  }

  @Test func `a file that is not there is a usage error that names it`() {
    let error = #expect(throws: ProduceError.self) { _ = try ByteInput.open("/nowhere/x.csv") }
    guard case .usage(let sentence) = error else {
      Issue.record("not a usage error")
      return
    }
    #expect(sentence.contains("/nowhere/x.csv"))
  }

  @Test(arguments: [
    ("1", NumberText.Reading.value(1)), ("-0.5", .value(-0.5)), (" 7.25\t", .value(7.25)),
    ("1e3", .value(1000)), ("+2", .value(2)), ("7.110000099999999", .value(7.110000099999999)),
    // Halfway between two doubles but for the last digit: rounds up only if all digits count.
    ("9007199254740993.00000000000000000001", .value(9_007_199_254_740_994)),
    ("4.9406564584124654e-324", .value(.leastNonzeroMagnitude)), ("", .missing), ("  ", .missing),
    ("NaN", .missing), ("n/a", .missing), ("NULL", .missing), ("-", .missing),
    ("inf", .unreadable), ("-Infinity", .unreadable), ("0x10", .unreadable), ("1e999", .unreadable),
    ("1,5", .unreadable), ("1.2.3", .unreadable), ("--1", .unreadable), ("12 V", .unreadable),
    ("e", .unreadable), ("nane", .unreadable),
  ])
  func `numbers are read exactly or not at all`(text: String, expected: NumberText.Reading) {
    let bytes = Array(("3" + text).utf8) + [0, UInt8(ascii: "9")]
    #expect(NumberText.read(bytes, 1..<1 + text.utf8.count) == expected)
  }
}
