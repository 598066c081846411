import Base
import Decode
import Testing

@testable import Inference

/// Message types for tests, as the descriptor set that protoc would make of them.
enum TestSchema {
  /// A field; `type` is `FieldType`'s raw value.
  struct Field {
    var name: String
    var number: UInt64
    var type: FieldType
    var typeName: String?
    var isRepeated = false
    /// proto3's `optional`.
    var isOptional = true
    /// The value's type of a map with string keys; `type` is then a message.
    var mapValue: FieldType?

    init(
      _ name: String, _ number: UInt64, _ type: FieldType, of typeName: String? = nil,
      isRepeated: Bool = false, isOptional: Bool = true
    ) {
      self.name = name
      self.number = number
      self.type = type
      self.typeName = typeName
      self.isRepeated = isRepeated
      self.isOptional = isOptional
    }

    static func map(_ name: String, _ number: UInt64, to value: FieldType) -> Field {
      var field = Field(name, number, .message, isRepeated: true)
      field.mapValue = value
      return field
    }

    static func timestamp(_ name: String, _ number: UInt64) -> Field {
      Field(name, number, .message, of: ".google.protobuf.Timestamp")
    }
  }

  /// The types of the package `t`, and the enum `t.Mode`.
  static func catalogue(_ messages: [(name: String, fields: [Field])]) throws -> MessageCatalogue {
    var file = Wire.text(1, "t.proto") + Wire.text(2, "t")
      + Wire.text(3, "google/protobuf/timestamp.proto")
    for message in messages { file += Wire.bytes(4, Self.message(message.name, message.fields)) }
    let values = [("IDLE", UInt64(0)), ("BUSY", 1), ("HOT", 7)]
    file += Wire.bytes(
      5,
      Wire.text(1, "Mode")
        + values.flatMap { Wire.bytes(2, Wire.text(1, $0.0) + Wire.integer(2, $0.1)) })
    file += Wire.text(12, "proto3")
    let set = timestampFile + Wire.bytes(1, file)
    return try MessageCatalogue(descriptorSet: set, path: "test")
  }

  private static func message(_ name: String, _ fields: [Field]) -> [UInt8] {
    var bytes = Wire.text(1, name)
    var oneofs: [String] = []
    for field in fields {
      var typeName = field.typeName
      if let value = field.mapValue {
        let entry = field.name.uppercased() + "Entry"
        typeName = ".t.\(name).\(entry)"
        let key = declared(Field("key", 1, .string), nil, oneof: nil)
        let inner = declared(Field("value", 2, value), nil, oneof: nil)
        bytes += Wire.bytes(
          3,
          Wire.text(1, entry) + Wire.bytes(2, key) + Wire.bytes(2, inner)
            + Wire.bytes(7, Wire.integer(7, 1)))
      }
      var oneof: Int?
      if field.isOptional, !field.isRepeated, field.type != .message {
        oneof = oneofs.count
        oneofs.append("_\(field.name)")
      }
      bytes += Wire.bytes(2, declared(field, typeName, oneof: oneof))
    }
    return bytes + oneofs.flatMap { Wire.bytes(8, Wire.text(1, $0)) }
  }

  private static func declared(_ field: Field, _ typeName: String?, oneof: Int?) -> [UInt8] {
    var bytes = Wire.text(1, field.name) + Wire.integer(3, field.number)
    bytes += Wire.integer(4, field.isRepeated ? 3 : 1)
    bytes += Wire.integer(5, UInt64(field.type.rawValue))
    if let typeName { bytes += Wire.text(6, typeName) }
    if let oneof { bytes += Wire.integer(9, UInt64(oneof)) + Wire.integer(17, 1) }
    return bytes
  }

  private static let timestampFile: [UInt8] = {
    let fields = [("seconds", FieldType.int64, UInt64(1)), ("nanos", .int32, 2)].flatMap {
      Wire.bytes(2, declared(Field($0.0, $0.2, $0.1), nil, oneof: nil))
    }
    return Wire.bytes(
      1,
      Wire.text(1, "google/protobuf/timestamp.proto") + Wire.text(2, "google.protobuf")
        + Wire.bytes(4, Wire.text(1, "Timestamp") + fields) + Wire.text(12, "proto3"))
  }()
}

/// Encodes by hand.
enum Wire {
  static func varint(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(varint: value)
    return writer.bytes
  }

  static func bytes(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(content.count)) + content
  }

  static func text(_ number: UInt64, _ text: String) -> [UInt8] { bytes(number, Array(text.utf8)) }

  static func integer(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    varint(number << 3) + varint(value)
  }

  static func double(_ number: UInt64, _ value: Double) -> [UInt8] {
    fixed64(number, value.bitPattern)
  }

  static func fixed64(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    varint(number << 3 | 1) + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  static func timestamp(_ number: UInt64, micros: Int64) -> [UInt8] {
    bytes(
      number,
      integer(1, UInt64(micros / 1_000_000)) + integer(2, UInt64(micros % 1_000_000 * 1000)))
  }
}

/// A fleet's records, one after the other round the devices, a second apart.
enum Fleet {
  static let startMicros: Int64 = 1_781_000_000_000_000

  /// - Parameter message: the message of a device's n-th record at a time.
  static func records(
    devices: Int = 5, count: Int = 100, hasKeys: Bool = true,
    _ message: (_ device: Int, _ round: Int, _ micros: Int64) -> [UInt8]
  ) -> [SampleRecord] {
    (0..<count).map { index in
      let micros = startMicros + Int64(index) * 1_000_000
      let device = index % devices
      return SampleRecord(
        partition: 0, offset: Int64(index), timestampMicros: micros + 250_000,
        key: hasKeys ? Array("dev-\(device)".utf8) : nil,
        value: message(device, index / devices, micros))
    }
  }
}

extension SchemaInference {
  /// The proposal; a failed expectation with the reasons where there is none.
  static func proposal(
    _ catalogue: MessageCatalogue, _ records: [SampleRecord], message: String? = nil,
    envelope: Envelope = .none, location: SourceLocation = #_sourceLocation
  ) throws -> SchemaProposal {
    let options = Options(source: "test", messageName: message, envelope: envelope)
    switch SchemaInference(catalogue, options).infer(from: records) {
    case .proposal(let proposal): return proposal
    case .none(let none):
      Issue.record("no proposal: \(none.reasons)", sourceLocation: location)
      throw NoProposalFound()
    }
  }

  /// Why there is no proposal.
  static func refusal(
    _ catalogue: MessageCatalogue?, _ records: [SampleRecord], message: String? = nil,
    location: SourceLocation = #_sourceLocation
  ) throws -> NoProposal {
    let options = Options(source: "test", messageName: message)
    switch SchemaInference(catalogue, options).infer(from: records) {
    case .none(let none): return none
    case .proposal(let proposal):
      Issue.record("a proposal: \(proposal.mapping)", sourceLocation: location)
      throw NoProposalFound()
    }
  }

  struct NoProposalFound: Error {}
}

extension MessageMapping {
  var metricNames: [String] {
    if case .list(let metrics) = metrics { metrics.map { $0.name ?? "?" } } else { [] }
  }
}
