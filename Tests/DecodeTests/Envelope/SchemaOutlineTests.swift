import Testing

@testable import Decode

@Suite struct SchemaOutlineTests {
  /// All that has a place among nested types, and all that looks like it.
  private static let intricate = """
    /* message Not { } */
    syntax = "proto2"; // message Neither { }
    package acme.sat . v1;
    option java_package = "com.{acme}";
    import "google/protobuf/descriptor.proto";
    extend google.protobuf.MessageOptions {
      optional string note = 50001;
      optional group Extra = 50002 { optional int32 x = 1; message InExtra {} }
    }
    enum Mode { option allow_alias = true; OFF = 0; IDLE = 0; }
    message Orbit {
      option (note) = "} message Trap {";
      reserved 5, 9 to 11; reserved "old";
      extensions 100 to 200 [verification = UNVERIFIED];
      optional group Stage = 1 { required int32 fuel = 1; }
      map<string, double> sensor_values = 2 [deprecated = true];
      enum Kind { LOW = 1; }
      message Inner { message Deep { optional Kind message_kind = 1 [default = LOW]; } }
      oneof body {
        string text = 3;
        group Packet = 4 { optional bytes data = 1; }
        Inner inner = 6;
      }
      map<int32, Inner> by_2id = 7;
      repeated Inner optionals = 8 [(fancy) = { text: "};" list: [1, 2] }];
      extend Orbit { optional group Late = 101 { } }
    }
    service Control { rpc Send(Orbit) returns (stream Orbit) { option deprecated = true; } }
    message Empty {}
    extend google.protobuf.FieldOptions { optional Fancy fancy = 50003; }
    message Fancy { optional string text = 1; repeated int32 list = 2; };
    """

  @Test func `text and descriptor have the same outline`() throws {
    // The verification option is younger than the protoc of the oldest system.
    let text = Self.intricate.replacing(" [verification = UNVERIFIED]", with: "")
    let set = try Protobuf.descriptorSet(of: ["main.proto": text], includesImports: false)
    // A set of one file: its tag, and a length of two bytes.
    let fromDescriptor = try SchemaOutline(fileDescriptor: Array(set.dropFirst(3)))
    let fromText = try SchemaOutline(text: Self.intricate)
    #expect(fromText == fromDescriptor)
    #expect(fromText.package == "acme.sat.v1")
    #expect(fromText.messages.map(\.name) == ["Extra", "Orbit", "Empty", "Fancy"])
    #expect(
      fromText.messages[1].nested.map(\.name) == [
        "Stage", "SensorValuesEntry", "Inner", "Packet", "By2idEntry", "Late",
      ])
  }

  @Test func `indexes lead to full names, with maps counted and not`() throws {
    let outline = try SchemaOutline(
      text: """
        syntax = "proto3"; package a.b;
        message First { message One {} map<string, string> m = 1; message Two { message X {} } }
        message Second {}
        """)
    #expect(outline.names(at: [0]) == ["a.b.First"])
    #expect(outline.names(at: [1]) == ["a.b.Second"])
    #expect(outline.names(at: [0, 0]) == ["a.b.First.One"])
    #expect(outline.names(at: [0, 1]) == ["a.b.First.MEntry", "a.b.First.Two"])
    #expect(outline.names(at: [0, 2, 0]) == ["a.b.First.Two.X"])
    #expect(outline.names(at: [0, 1, 0]) == ["a.b.First.Two.X"])
    #expect(outline.names(at: [2]) == [])
    #expect(outline.names(at: [0, 0, 0]) == [])
    #expect(try SchemaOutline(text: "message A {}").names(at: [0]) == ["A"])
  }

  @Test func `editions' words before a message are passed over`() throws {
    let outline = try SchemaOutline(
      text: "edition = \"2024\"; export message A { local message B {} local enum C { D = 0; } }")
    #expect(outline.names(at: [0, 0]) == ["A.B"])
    #expect(outline.messages.count == 1)
  }

  @Test func `fields may be called like keywords`() throws {
    let outline = try SchemaOutline(
      text: """
        message A {
          optional string message = 1; optional int32 group = 2; repeated A map = 3;
          optional A.oneof.enum x = 4; optional bool optional = 5; message B {}
        }
        """)
    #expect(outline.messages.map(\.name) == ["A"])
    #expect(outline.messages[0].nested.map(\.name) == ["B"])
  }

  @Test(arguments: [
    "message A {", "message A { message B { }", "message A { } }", "/* message A {}",
    "option x = \"abc", "message A { map<string, string }", "enum A { B = 0;",
    "message A { optional group B = 1 ", "]",
  ])
  func `text that is cut or unbalanced is refused`(text: String) {
    #expect(throws: SchemaOutline.Fault.self) { try SchemaOutline(text: text) }
  }

  @Test func `depth is bounded`() {
    let deep = String(repeating: "message A {", count: 100_000)
    #expect(throws: SchemaOutline.Fault.self) { try SchemaOutline(text: deep) }
    var bytes: [UInt8] = []
    for _ in 0..<100 {
      var field: [UInt8] = [3 << 3 | 2]
      var count = bytes.count
      while count > 0x7F {
        field.append(UInt8(truncatingIfNeeded: count) | 0x80)
        count >>= 7
      }
      bytes = field + [UInt8(count)] + bytes
    }
    #expect(throws: SchemaOutline.Fault.self) {
      try SchemaOutline(fileDescriptor: [4 << 3 | 2, 0xFF, 0x01] + bytes)
    }
  }

  @Test(arguments: ["oneof a {", "extend a {", "optional group A = 1 {", "message M { oneof a {"])
  func `depth is bounded whatever nests`(opening: String) throws {
    let deep = "message M { " + String(repeating: opening, count: 100_000)
    #expect(throws: SchemaOutline.Fault.self) { try SchemaOutline(text: deep) }
  }

  @Test func `what nests as deep as may be is read`() throws {
    let count = SchemaOutline.depthMax
    let text = String(repeating: "message A {", count: count) + String(repeating: "}", count: count)
    #expect(try SchemaOutline(text: text).names(at: Array(repeating: 0, count: count)).count == 1)
    let oneof = String(repeating: "message A {", count: count - 1) + "oneof b { int32 c = 1; }"
      + String(repeating: "}", count: count - 1)
    #expect(throws: Never.self) { try SchemaOutline(text: oneof) }
  }

  @Test(arguments: [
    [0xFF], [0x22, 0x05, 0x0A], [0x23],
    [0x22, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    [0x22, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
  ] as [[UInt8]])
  func `bytes that are no descriptor are refused`(bytes: [UInt8]) {
    #expect(throws: SchemaOutline.Fault.self) { try SchemaOutline(fileDescriptor: bytes) }
  }
}
