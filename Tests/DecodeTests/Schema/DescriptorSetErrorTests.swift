import Base
import Testing

@testable import Decode

@Suite struct DescriptorSetErrorTests {
  private static let remedy = "make it with: protoc --include_imports --descriptor_set_out=FILE …"

  /// What is said of a set, or nil if it is taken.
  private func complaint(_ set: [UInt8]) -> String? {
    do {
      _ = try MessageCatalogue(descriptorSet: set, path: "f")
      return nil
    } catch {
      return error.description
    }
  }

  /// One file with the fields that matter to a case.
  private func file(
    _ messages: [[UInt8]] = [], name: String = "a.proto", imports: [String] = []
  ) -> [UInt8] {
    Wire.bytes(
      1,
      Wire.text(1, name) + imports.flatMap { Wire.text(3, $0) }
        + messages.flatMap { Wire.bytes(4, $0) })
  }

  private func message(_ name: String, _ fields: [UInt8]...) -> [UInt8] {
    Wire.text(1, name) + fields.flatMap { Wire.bytes(2, $0) }
  }

  private func field(
    _ name: String, _ number: UInt64, type: UInt64 = 1, label: UInt64 = 1, typeName: String? = nil,
    oneof: UInt64? = nil
  ) -> [UInt8] {
    Wire.text(1, name) + Wire.integer(3, number) + Wire.integer(4, label) + Wire.integer(5, type)
      + (typeName.map { Wire.text(6, $0) } ?? []) + (oneof.map { Wire.integer(9, $0) } ?? [])
  }

  @Test func `what is no set says so, and how to make one`() throws {
    #expect(complaint([]) == "f: the file is empty; \(Self.remedy)")
    #expect(
      complaint(Array("syntax = \"proto3\";\nmessage A {}\n".utf8))
        == "f: this is text, and a descriptor set is what protoc makes of it; \(Self.remedy)")
    let noise = complaint([0x0A, 0x03, 0xFF, 0xFF, 0xFF])
    #expect(noise?.hasPrefix("f: this is no descriptor set: byte ") == true)
    let whole = file([message("A", field("x", 1))])
    #expect(complaint(whole) == nil)
    #expect(
      complaint(Array(whole.dropLast()))
        == "f: the descriptor set is cut short: it ends inside a field at byte 0; \(Self.remedy)")
    #expect(
      complaint(Wire.text(9, "unknown to us"))
        == "f: the set holds no files; \(Self.remedy)")
    #expect(complaint(file()) == "f: the set declares no message; \(Self.remedy)")
    let large = Array(repeating: UInt8(0), count: DescriptorSetReader.byteCountMax + 1)
    #expect(complaint(large)?.hasPrefix("f: 16777217 bytes are more than 16777216") == true)
  }

  @Test func `imports that are missing are named with their importer`() throws {
    let files = [
      "base.proto": "syntax = \"proto3\"; message Base {}",
      "fleet.proto": """
      syntax = "proto3"; import "base.proto"; import "google/protobuf/timestamp.proto";
      message Fleet { Base base = 1; google.protobuf.Timestamp at = 2; }
      """,
    ]
    let set = try Protobuf.descriptorSet(
      of: files, compile: ["fleet.proto"], includesImports: false)
    #expect(
      complaint(set)
        == "f: the set lacks base.proto (imported by fleet.proto), google/protobuf/timestamp.proto "
        + "(imported by fleet.proto); \(Self.remedy)")
  }

  @Test func `imports in a circle are shown`() {
    let a = file([message("A")], name: "a", imports: ["b"])
    let set =
      a + file(name: "b", imports: ["c"]) + file(name: "c", imports: ["b"])
      + file(name: "d", imports: ["a"])
    #expect(complaint(set)?.contains("imports go round in a circle: b → c → b") == true)
    let own = file([message("A")], name: "a", imports: ["a"])
    #expect(complaint(own)?.contains("imports go round in a circle: a → a") == true)
    let twice = file([message("A")], name: "a") + file([message("B")], name: "a")
    #expect(complaint(twice)?.hasPrefix("f: the set holds a twice") == true)
  }

  @Test(arguments: [
    (0, "f: A.x is of the type no.Where, which no file of the set declares; \(remedy)"),
    (1, "f: A has two fields named x"), (2, "f: A has two fields with the number 1"),
    (3, "f: A.x has no number, or one out of range"),
    (4, "f: A.x has no number, or one out of range"),
    (5, "f: A.x has the type 19, which there is not"),
    (6, "f: A.x has the label 4, which there is not"),
    (7, "f: two types are named A: one in a.proto, one in a.proto"),
    (8, "f: A.x is to be an enum, and .A is a message"),
    (9, "f: A.x does not say which type it has"),
    (10, "f: A.x is in a oneof that its message does not have"),
    (11, "f: a field of A has no proper name (a-b)"),
    (12, "f: a type of a.proto has no proper name (\"\")"),
    (13, "f: A says it is an entry of a map, and is not what such entries are"),
    (14, "f: a.proto has the edition 1002, unknown to this release; it knows proto2, proto3 and "
      + "the editions 2023 and 2024"),
    (15, "f: the enum E has no values"),
    (16, "f: E has two values 0, and does not say allow_alias"),
  ])
  func `what protoc would never write is refused with its place`(_ row: (Int, String)) {
    let value = Wire.bytes(2, Wire.text(1, "OFF") + Wire.integer(2, 0))
    let other = Wire.bytes(2, Wire.text(1, "ON") + Wire.integer(2, 0))
    let sets: [[UInt8]] = [
      file([message("A", field("x", 1, type: 11, typeName: ".no.Where"))]),
      file([message("A", field("x", 1), field("x", 2))]),
      file([message("A", field("x", 1), field("y", 1))]),
      file([message("A", field("x", 0))]),
      file([message("A", field("x", 536_870_912))]),
      file([message("A", field("x", 1, type: 19))]),
      file([message("A", field("x", 1, label: 4))]),
      file([message("A"), message("A")]),
      file([message("A", field("x", 1, type: 14, typeName: ".A"))]),
      file([message("A", field("x", 1, type: 11))]),
      file([message("A", field("x", 1, oneof: 0))]),
      file([message("A", field("a-b", 1))]),
      file([message("")]),
      file([message("A", field("key", 1)) + Wire.bytes(7, Wire.integer(7, 1))]),
      Wire.bytes(
        1, Wire.text(1, "a.proto") + Wire.text(12, "editions") + Wire.integer(14, 1002)),
      Wire.bytes(1, Wire.text(1, "a.proto") + Wire.bytes(5, Wire.text(1, "E"))),
      Wire.bytes(1, Wire.text(1, "a.proto") + Wire.bytes(5, Wire.text(1, "E") + value + other)),
    ]
    #expect(complaint(sets[row.0]) == row.1)
  }

  @Test func `full names are bounded, however deep types nest`() {
    func nest(_ names: [String]) -> [UInt8] {
      names.reversed().reduce([]) { inner, name in
        Wire.text(1, name) + (inner.isEmpty ? [] : Wire.bytes(3, inner))
      }
    }
    let long = String(repeating: "a", count: 511)
    // Eight names of 511 bytes and seven dots between them.
    #expect(complaint(file([nest(Array(repeating: long, count: 8))])) == nil)
    let tooLong = complaint(file([nest(Array(repeating: long, count: 8) + ["b"])]))
    #expect(tooLong?.contains("full name that is too long") == true, "\(tooLong ?? "taken")")
    #expect(tooLong.map { $0.utf8.count < 300 } == true)
  }

  @Test func `names without a leading dot are looked up from the inside out`() throws {
    let inner = Wire.text(1, "B")
    let outer = message("A", field("x", 1, type: 11, typeName: "B")) + Wire.bytes(3, inner)
    let set = Wire.bytes(
      1, Wire.text(1, "a") + Wire.text(2, "p") + Wire.bytes(4, outer) + Wire.bytes(4, inner))
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "f")
    #expect(
      catalogue.type(named: "p.A")?.field(named: "x")?.messageType?.name == "p.A.B")
  }

  @Test func `a name that is not there comes with what was meant`() throws {
    let set = try Protobuf.descriptorSet(of: [
      "a.proto": "syntax = \"proto3\"; package acme.v1; message Orbit {} message Battery {}"
    ])
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "f")
    #expect(catalogue.suggestion(for: "acme.v1.Orbits") == "did you mean acme.v1.Orbit?")
    #expect(catalogue.suggestion(for: "Battery") == "did you mean acme.v1.Battery?")
    #expect(catalogue.suggestion(for: "x") == "there is acme.v1.Orbit, acme.v1.Battery")
  }

  /// Damage of all kinds to a real set: each is taken whole or refused, in bounded time and memory.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `a damaged set is a set or an error, never a trap`(seed: UInt64) throws {
    print("descriptor set mutations: seed \(seed)")
    let set = try Protobuf.descriptorSet(of: SchemaText.files(seed: seed))
    #expect(complaint(set) == nil)
    var random = SplitMix64(seed: seed)
    var taken = 0
    var planCount = 0
    for _ in 0..<3000 {
      let damaged = Self.damage(set, &random)
      guard let catalogue = try? MessageCatalogue(descriptorSet: damaged, path: "f") else {
        continue
      }
      taken += 1
      // What is taken must be usable: everything in it can be looked at, and unpacked by.
      for type in catalogue.pool.messageTypes {
        _ = CDescriptors(type)
        for field in type.fields { _ = field.typeName + "\(field.enumType?.values.count ?? 0)" }
      }
      guard taken % 5 == 0 else { continue }
      for name in catalogue.types.map(\.name) {
        let mapping = MessageMapping(
          source: "s", messageName: name, device: .recordKey, time: .init(field: "$timestamp"),
          plausibleFromMicros: 0)
        if (try? DecodePlan(mapping, catalogue: catalogue)) != nil { planCount += 1 }
      }
    }
    for count in stride(from: 0, to: set.count, by: 7) {
      // Between two files a cut leaves a set, but not the file that imports.
      let cut = try? MessageCatalogue(descriptorSet: Array(set[..<count]), path: "f")
      #expect(cut?.type(named: SchemaText.root) == nil, "cut at \(count)")
    }
    #expect(taken > 100 && taken < 2900, "\(taken) of 3000 were taken")
    #expect(planCount > 20, "\(planCount) plans were made")
  }

  private static func damage(_ set: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var bytes = set
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let index = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
      case 2: bytes.swapAt(index, Int.random(in: 0..<bytes.count, using: &random))
      case 3:
        // A name or number of another place: lengths stay, meanings change.
        let count = min(8, bytes.count - index)
        let other = Int.random(in: 0...bytes.count - count, using: &random)
        bytes.replaceSubrange(index..<index + count, with: bytes[other..<other + count])
      default: bytes.insert(bytes[index], at: index)
      }
    }
    return bytes
  }
}
