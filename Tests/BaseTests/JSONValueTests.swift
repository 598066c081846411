import Base
import Testing

@Suite struct JSONValueTests {
  @Test(arguments: [
    "null", "true", "false", "0", "-0", "1", "-12.5e+7", "1E400", "12345678901234567890123",
    "\"\"", #""a\"b\\c\n\t\r\b\f\u0001\u001f/é€😀""#, "[]", "{}",
    #"{"b":1,"a":[1,2,{"c":null}],"":"x"}"#,
    #"{"add":{"path":"event_date=2026-11-21/part%2520x","stats":"{\"numRecords\":1}"}}"#,
  ])
  func `canonical text parses and writes back to the same bytes`(text: String) throws {
    #expect(try JSONValue(parsing: text).text == text)
  }

  @Test func `white space and escapes are read and written in canonical form`() throws {
    let value = try JSONValue(parsing: " { \"a\\/\" :\t[ 1 ,\r\n\"\\u00e9\\uD83D\\uDE00\" ] } \n")
    #expect(value.text == #"{"a/":[1,"é😀"]}"#)
  }

  @Test(arguments: [
    ("", JSONError.Reason.unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3),
    ("[1,]", .unexpectedByte, 3), ("{\"a\":1,}", .unexpectedByte, 7), ("{a:1}", .unexpectedByte, 1),
    ("{\"a\" 1}", .unexpectedByte, 5), ("[1 2]", .unexpectedByte, 3), ("nul", .unexpectedEnd, 3),
    ("nulL", .unexpectedByte, 3), ("1 1", .trailingBytes, 2), ("01", .malformedNumber, 0),
    ("[-]", .malformedNumber, 1), ("1.", .malformedNumber, 0), ("1e", .malformedNumber, 0),
    ("+1", .unexpectedByte, 0), (".5", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0),
    ("\"\\x\"", .malformedEscape, 1), ("\"\\u12g4\"", .malformedEscape, 1),
    ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1),
    ("\"\\ud800\\u0041\"", .loneSurrogate, 1), ("\"a\nb\"", .controlInString, 2),
    ("{\"a\":1,\"a\":2}", .duplicateName, 7), ("{\"a\":1,\"\\u0061\":2}", .duplicateName, 7),
    ("\"abc", .unexpectedEnd, 4), ("\u{FEFF}1", .unexpectedByte, 0),
  ])
  func `a fault is named with its byte`(text: String, reason: JSONError.Reason, at: Int) {
    #expect(throws: JSONError(reason: reason, filePosition: at)) { try JSONValue(parsing: text) }
  }

  @Test func `a string that is not UTF-8 is refused`() {
    for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]] {
      let document = [0x5B, 0x22] + bytes + [0x22, 0x5D]
      #expect(throws: JSONError(reason: .invalidUTF8, filePosition: 1)) {
        try JSONValue(parsing: document)
      }
    }
  }

  @Test func `nesting is accepted up to the bound and refused beyond it`() throws {
    let depth = JSONValue.depthMax
    let deepest = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect(try JSONValue(parsing: deepest).text == deepest)
    #expect(throws: JSONError(reason: .tooDeep, filePosition: depth)) {
      try JSONValue(parsing: "[" + deepest + "]")
    }
    #expect(throws: JSONError(reason: .tooDeep, filePosition: depth)) {
      try JSONValue(parsing: String(repeating: "[", count: 1_000_000))
    }
  }

  @Test func `positions in a slice count from its start`() {
    let bytes = Array("{}\n[x]".utf8)
    #expect(throws: JSONError(reason: .unexpectedByte, filePosition: 1)) {
      try JSONValue(parsing: bytes[3...])
    }
  }

  @Test func `accessors answer only for values of their kind`() throws {
    let value = try JSONValue(
      parsing: #"{"i":-9223372036854775808,"u":18446744073709551615,"d":0.1,"f":1.0,"#
        + #""s":"x","b":true,"n":null}"#)
    #expect(value["i"]?.int64Value == .min)
    #expect(value["u"]?.uint64Value == .max)
    #expect(value["u"]?.int64Value == nil)
    #expect(value["d"]?.doubleValue == 0.1)
    #expect(value["f"]?.int64Value == nil)
    #expect(value["s"]?.stringValue == "x")
    #expect(value["b"]?.boolValue == true)
    #expect(value["n"]?.isNull == true)
    #expect(value["absent"] == nil)
    #expect(value["s"]?.int64Value == nil)
    #expect(value["s"]?["x"] == nil)
    #expect(try JSONValue(parsing: "1e999").doubleValue == nil)
    #expect(value.members?.map(\.name) == ["i", "u", "d", "f", "s", "b", "n"])
  }

  @Test func `names and strings are told apart by bytes, not by canonical equivalence`() throws {
    let value = try JSONValue(parsing: "{\"\u{E9}\":1,\"e\u{301}\":2}")
    #expect(value["\u{E9}"]?.int64Value == 1)
    #expect(value["e\u{301}"]?.int64Value == 2)
    #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
  }

  @Test func `doubles are written in the shortest form that reads back bit for bit`() throws {
    var generator = SystemRandomNumberGenerator()
    let special: [Double] = [
      0, -0.0, 0.1, 1, -1, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e16, 1e-5,
      .leastNormalMagnitude, 9_007_199_254_740_992,
    ]
    let random = (0..<1000).map { _ in Double(bitPattern: generator.next()) }
    for value in special + random.filter(\.isFinite) {
      let text = try #require(JSONValue.double(value)).text
      let read = try #require(try JSONValue(parsing: text).doubleValue)
      #expect(read.bitPattern == value.bitPattern, "\(text)")
    }
    #expect(JSONValue.double(.nan) == nil)
    #expect(JSONValue.double(-.infinity) == nil)
  }

  @Test func `random documents survive the round trip`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix64(seed: seed)
    for _ in 0..<500 {
      let value = Self.randomValue(depth: 0, &generator)
      let bytes = value.bytes
      let read = try JSONValue(parsing: bytes)
      #expect(read == value, "seed \(seed)")
      #expect(read.bytes == bytes, "seed \(seed)")
    }
  }

  @Test func `damaged documents are refused or read, never trapped on`() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix64(seed: seed)
    for _ in 0..<2000 {
      var bytes = Self.randomValue(depth: 0, &generator).bytes
      for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        if Bool.random(using: &generator) {
          bytes.remove(at: index)
        } else {
          bytes[index] = .random(in: 0 ... .max, using: &generator)
        }
      }
      if let value = try? JSONValue(parsing: bytes) {
        #expect((try? JSONValue(parsing: value.bytes)) == value, "seed \(seed)")
      }
    }
  }

  private static func randomValue(depth: Int, _ generator: inout SplitMix64) -> JSONValue {
    switch Int.random(in: 0..<(depth < 4 ? 7 : 5), using: &generator) {
    case 0: return .null
    case 1: return .bool(.random(using: &generator))
    case 2: return .int(Int64.random(in: .min ... .max, using: &generator))
    case 3: return .double(Double.random(in: -1e6...1e6, using: &generator)) ?? .null
    case 4: return .string(randomText(&generator))
    case 5:
      return .array((0..<3).map { _ in randomValue(depth: depth + 1, &generator) })
    default:
      return .object(
        (0..<3).map { index in
          let name = "\(index)" + randomText(&generator)
          return JSONMember(name, randomValue(depth: depth + 1, &generator))
        })
    }
  }

  private static func randomText(_ generator: inout SplitMix64) -> String {
    let alphabet: [Unicode.Scalar] = ["a", "\"", "\\", "\u{0}", "\n", "é", "€", "😀", "/", "\u{7F}"]
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...5, using: &generator) {
      text.append(alphabet.randomElement(using: &generator) ?? "x")
    }
    return String(text)
  }
}
