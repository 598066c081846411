import Testing

@testable import Decode

/// What `.proto` files say of their fields, as protoc writes it down.
@Suite struct DescriptorCommentsTests {
  private static let proto = """
    syntax = "proto3"; package acme;
    // A file's comment.

    // The message.
    message Orbit {
      // Who it is.
      string id = 1;
      fixed64 at = 2;  // Milliseconds since 1970.
      /* Above sea level,
       * not above ground.
       *
       * Kilometres. */
      double altitude_km = 3;  // behind, which the one in front wins over
      double plain = 4;

      // detached, of nobody

      double alone = 5;
      message Cell {
        // Of one cell.
        double voltage_v = 1;
      }
      Cell cell = 6;
      // Where it flies.
      string region = 7;
    }
    message Other {
      double first = 1;
      // The second one.
      double second = 2;
    }
    """

  private static func comments(_ bytes: [UInt8], _ name: String) throws -> [String: String] {
    let type = try #require(
      MessageCatalogue(descriptorSet: bytes, path: "set.binpb").type(named: name))
    return Dictionary(uniqueKeysWithValues: type.fields.map { ($0.name, $0.comment ?? "-") })
  }

  @Test func `fields have the comment in front of them, or the one behind`() throws {
    let set = try Protobuf.descriptorSet(of: ["orbit.proto": Self.proto], includesComments: true)
    #expect(
      try Self.comments(set, "acme.Orbit") == [
        "id": "Who it is.", "at": "Milliseconds since 1970.",
        "altitude_km": "Above sea level, not above ground. Kilometres.", "plain": "-",
        "alone": "-", "cell": "-", "region": "Where it flies.",
      ])
    #expect(try Self.comments(set, "acme.Orbit.Cell") == ["voltage_v": "Of one cell."])
    #expect(try Self.comments(set, "acme.Other") == ["first": "-", "second": "The second one."])
    let plain = try Protobuf.descriptorSet(of: ["orbit.proto": Self.proto])
    #expect(try Self.comments(plain, "acme.Other") == ["first": "-", "second": "-"])
  }

  @Test func `each file has its own`() throws {
    let second = """
      syntax = "proto3"; package acme; import "orbit.proto";
      message Orbit2 { // Another one.
        // The orbit.
        Orbit orbit = 1;
      }
      """
    let set = try Protobuf.descriptorSet(
      of: ["orbit.proto": Self.proto, "second.proto": second], includesComments: true)
    #expect(try Self.comments(set, "acme.Orbit2") == ["orbit": "The orbit."])
    #expect(try Self.comments(set, "acme.Other")["second"] == "The second one.")
  }

  @Test func `columns are described by the fields behind them`() throws {
    let set = try Protobuf.descriptorSet(of: ["orbit.proto": Self.proto], includesComments: true)
    var mapping = MessageMapping(
      source: "orbits", messageName: "acme.Orbit", device: .field("id"),
      time: .init(field: "at", unit: .milliseconds), attributes: [.init(field: "region")],
      plausibleFromMicros: 0)
    let catalogue = try MessageCatalogue(descriptorSet: set, path: "set.binpb")
    func comments() throws -> [String?] {
      let plan = try DecodePlan(mapping, catalogue: catalogue)
      let names = ["device_id", "event_time", "region", "altitude_km", "cell_voltage_v", "plain"]
      return names.map { plan.comment(ofColumn: $0) }
    }
    let altitude = "Above sea level, not above ground. Kilometres."
    #expect(
      try comments() == ["Who it is.", nil, "Where it flies.", altitude, "Of one cell.", nil])
    mapping.metrics = .list([.init(field: "cell.voltage_v", name: "altitude_km")])
    #expect(
      try comments() == ["Who it is.", nil, "Where it flies.", "Of one cell.", nil, nil])
  }

  @Test func `a long comment is cut, and one of nothing is none`() throws {
    let words = Array(repeating: "αβγ", count: 3000).joined(separator: " ")
    let proto = """
      syntax = "proto3"; package acme;
      message Long {
        // \(words)
        double long = 1;
        //
        double empty = 2;
        // \(String(repeating: "x", count: 1000))
        double full = 3;
      }
      """
    let set = try Protobuf.descriptorSet(of: ["long.proto": proto], includesComments: true)
    let found = try Self.comments(set, "acme.Long")
    #expect(found["long"]?.count == 1000)
    #expect(found["long"]?.hasSuffix("…") == true)
    #expect(found["long"]?.hasPrefix("αβγ αβγ") == true)
    #expect(found["empty"] == "-")
    #expect(found["full"] == String(repeating: "x", count: 1000))
  }

  /// Comments are never worth refusing a set, and no bytes lead out of it.
  @Test func `places that do not exist are passed over`() throws {
    let set = try Protobuf.descriptorSet(of: ["orbit.proto": Self.proto], includesComments: true)
    var files = try DescriptorSetReader.read(set, path: "set.binpb")
    files = files.map { file in
      var file = file
      for message in file.messages.indices { file.messages[message].fields.removeLast() }
      file.messages.removeLast()
      return file
    }
    DescriptorComments.add(from: set, to: &files)
    var random = SystemRandomNumberGenerator()
    for count in 0..<set.count {
      var damaged = Array(set[..<count])
      DescriptorComments.add(from: damaged, to: &files)
      if count == 0 { continue }
      damaged[Int.random(in: 0..<count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      DescriptorComments.add(from: damaged, to: &files)
    }
    #expect(files[0].messages.count == 1)
  }
}
