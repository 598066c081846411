import Testing

@testable import Decode

@Suite struct DescriptorSetTests {
  private func catalogue(
    _ files: [String: String], compile: [String]? = nil
  ) throws -> MessageCatalogue {
    let set = try Protobuf.descriptorSet(of: files, compile: compile)
    return try MessageCatalogue(descriptorSet: set, path: "fleet.binpb")
  }

  @Test func `the built-in schema is a descriptor set like any other`() throws {
    let type = try #require(
      MessageCatalogue.builtIn.type(named: "fleet.telemetry.v1.TelemetryBatch"))
    let samples = try #require(type.field(named: "samples"))
    #expect(samples.isRepeated && samples.number == 6)
    #expect(samples.messageType?.name == "fleet.telemetry.v1.Sample")
    #expect(samples.messageType?.field(numbered: 1)?.type == .fixed64)
    let set = try Protobuf.descriptorSet(
      of: ["telemetry.proto": try PythonOracle.builtInProtoText()])
    let fresh = try MessageCatalogue(descriptorSet: set, path: "telemetry.proto")
    #expect(fresh.types.map(\.name) == MessageCatalogue.builtIn.types.map(\.name))
    let shapes = [fresh, MessageCatalogue.builtIn].map { catalogue in
      catalogue.types.flatMap(\.fields).map { "\($0.name) \($0.number) \($0.typeName)" }
    }
    #expect(shapes[0] == shapes[1], "telemetry.proto has changed: run make proto")
  }

  @Test func `proto3 tells presence by optional, oneofs and messages`() throws {
    let catalogue = try catalogue([
      "a.proto": """
      syntax = "proto3";
      package acme;
      message Orbit {
        double plain = 1;
        optional double maybe = 2;
        oneof either { double this = 3; string that = 4; }
        Orbit inner = 5;
        repeated int32 packed = 6;
        repeated int32 unpacked = 7 [packed = false];
        repeated string texts = 8;
        map<string, float> values = 9;
        map<int32, Orbit> orbits = 10;
      }
      """
    ])
    let type = try #require(catalogue.type(named: "acme.Orbit"))
    let presences = type.fields.prefix(5).map(\.presence)
    #expect(presences == [.implicit, .explicit, .explicit, .explicit, .explicit])
    #expect(type.oneofs == ["either"], "the oneof of an optional field is none")
    #expect(type.fields.map(\.oneof) == [nil, nil, 0, 0, nil, nil, nil, nil, nil, nil])
    #expect(type.field(named: "inner")?.messageType == type)
    #expect(type.fields.map(\.isPacked).filter { $0 }.count == 1)
    #expect(type.field(named: "packed")?.isPacked == true)
    #expect(type.field(named: "texts")?.validatesUTF8 == true)
    let values = try #require(type.field(named: "values"))
    #expect(values.isMap && values.typeName == "map<string, float>")
    #expect(type.field(named: "orbits")?.typeName == "map<int32, acme.Orbit>")
    #expect(catalogue.types.map(\.name) == ["acme.Orbit"], "entries of maps are not to be named")
  }

  @Test func `proto2 has required fields, groups, closed enums and no packing`() throws {
    let catalogue = try catalogue([
      "a.proto": """
      syntax = "proto2";
      package acme;
      message Inner { required int32 id = 1; }
      message Outer {
        optional Inner inner = 1;
        repeated int32 numbers = 2;
        optional group Block = 3 { optional double value = 1; }
        optional Mode mode = 4;
        optional double gain = 5 [default = 1.5];
        enum Mode { option allow_alias = true; OFF = 0; NONE = 0; ON = -2; }
        message Nested { optional Outer outer = 1; }
        optional Nested nested = 6;
        extensions 100 to 200;
      }
      message Free { optional string text = 1; }
      extend Outer { optional int32 extra = 100; }
      """
    ])
    let outer = try #require(catalogue.type(named: "acme.Outer"))
    #expect(outer.hasRequiredField, "what may stand inside counts")
    #expect(catalogue.type(named: "acme.Free")?.hasRequiredField == false)
    #expect(outer.field(numbered: 2)?.isPacked == false)
    #expect(outer.field(numbered: 3)?.type == .group)
    #expect(outer.field(numbered: 3)?.messageType?.name == "acme.Outer.Block")
    let mode = try #require(outer.field(named: "mode")?.enumType)
    #expect(mode.isClosed && mode.name == "acme.Outer.Mode")
    #expect([0, -2, 1].map { mode.name(of: $0) } == ["OFF", "ON", nil])
    #expect(outer.field(named: "nested")?.messageType?.name == "acme.Outer.Nested")
    #expect(outer.field(numbered: 100) == nil, "an extension is an unknown field")
    #expect(catalogue.type(named: "acme.Free")?.field(named: "text")?.validatesUTF8 == false)
  }

  @Test func `types of other files and of Google are found, and known by their meaning`() throws {
    let catalogue = try catalogue(
      [
        "base/unit.proto": """
        syntax = "proto3"; package base; import "google/protobuf/wrappers.proto";
        message Unit { google.protobuf.DoubleValue factor = 1; }
        """,
        "fleet.proto": """
        syntax = "proto3"; import public "base/unit.proto";
        import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";
        message Fleet {
          base.Unit unit = 1;
          google.protobuf.Timestamp at = 2;
          google.protobuf.Duration age = 3;
        }
        """,
      ], compile: ["fleet.proto"])
    let type = try #require(catalogue.type(named: "Fleet"))
    #expect(type.fields.map { $0.messageType?.wellKnown } == [nil, .timestamp, .duration])
    let unit = try #require(type.field(named: "unit")?.messageType)
    #expect(unit.field(named: "factor")?.messageType?.wellKnown == .wrapper(.double))
  }

  @Test func `a type that only has the name of one of Google's has no meaning of theirs`() throws {
    let catalogue = try catalogue([
      "google/protobuf/timestamp.proto": """
      syntax = "proto3"; package google.protobuf;
      message Timestamp { string text = 1; }
      """
    ])
    #expect(catalogue.type(named: "google.protobuf.Timestamp")?.wellKnown == nil)
  }

  @Test func `an edition's features hold from the file inwards`() throws {
    // This protoc is older than editions: the set is written by hand.
    func features(_ number: UInt64, _ choices: [UInt8]) -> [UInt8] { Wire.bytes(number, choices) }
    func field(
      _ name: String, _ number: UInt64, type: UInt64, label: UInt64 = 1, typeName: String? = nil,
      options: [UInt8]? = nil
    ) -> [UInt8] {
      Wire.text(1, name) + Wire.integer(3, number) + Wire.integer(4, label) + Wire.integer(5, type)
        + (typeName.map { Wire.text(6, $0) } ?? []) + (options.map { Wire.bytes(8, $0) } ?? [])
    }
    let message =
      Wire.text(1, "M")
      + Wire.bytes(2, field("explicit", 1, type: 1))
      + Wire.bytes(2, field("implicit", 2, type: 1, options: features(21, Wire.integer(1, 2))))
      + Wire.bytes(2, field("required", 3, type: 1, options: features(21, Wire.integer(1, 3))))
      + Wire.bytes(2, field("packed", 4, type: 5, label: 3))
      + Wire.bytes(
        2, field("expanded", 5, type: 5, label: 3, options: features(21, Wire.integer(3, 2))))
      + Wire.bytes(2, field("inner", 6, type: 11, typeName: ".e.M"))
      + Wire.bytes(2, field("mode", 7, type: 14, typeName: ".e.Mode"))
      + Wire.bytes(2, field("text", 8, type: 9))
      + Wire.bytes(7, features(12, Wire.integer(5, 2) + Wire.integer(4, 3)))
    let mode =
      Wire.text(1, "Mode") + Wire.bytes(2, Wire.text(1, "OFF") + Wire.integer(2, 0))
      + Wire.bytes(3, features(7, Wire.integer(2, 2)))
    let file =
      Wire.text(1, "e.proto") + Wire.text(2, "e") + Wire.bytes(4, message) + Wire.bytes(5, mode)
      + Wire.text(12, "editions") + Wire.integer(14, 1000)
    let catalogue = try MessageCatalogue(descriptorSet: Wire.bytes(1, file), path: "e.binpb")
    let type = try #require(catalogue.type(named: "e.M"))
    #expect(
      type.fields.map(\.presence) == [
        .explicit, .implicit, .required, .implicit, .implicit, .explicit, .explicit, .explicit,
      ])
    #expect(type.fields.map(\.isPacked).prefix(5) == [false, false, false, true, false])
    #expect(type.field(named: "inner")?.type == .group, "delimited, as the message says")
    #expect(type.field(named: "mode")?.enumType?.isClosed == true)
    #expect(type.field(named: "text")?.validatesUTF8 == false)
  }
}
