import Base

@testable import Decode

/// Random JSON for a message type: mostly what the type has, now and then something else.
struct RandomJSON {
  var random: SplitMix64
  /// One value in so many is of a wrong kind; 0 is none.
  var wrongOneIn = 60

  mutating func message(of type: MessageType, depth: Int = 0) -> JSONValue {
    var members: [JSONMember] = []
    var oneofs: Set<Int> = []
    for field in type.fields where Int.random(in: 0..<4, using: &random) > 0 {
      if let oneof = field.oneof, !oneofs.insert(oneof).inserted, !isWrong() { continue }
      if depth > 2, field.type.isMessage { continue }
      members.append(JSONMember(field.name, value(of: field, depth: depth)))
    }
    if isWrong() { members.append(JSONMember("no_such_field", 1)) }
    return .object(members.shuffled(using: &random))
  }

  private mutating func isWrong() -> Bool {
    wrongOneIn > 0 && Int.random(in: 0..<wrongOneIn, using: &random) == 0
  }

  private mutating func value(of field: MessageField, depth: Int) -> JSONValue {
    if isWrong() {
      // Google takes `true` for 1.0, 1.5 for an enum's 1, an empty list for a message; we do not.
      let isLenient = [.double, .float, .enumeration, .message].contains(field.type)
      let wrong: [JSONValue] = [.null, "word", [.null], true, 1.5, [], [:]]
      return wrong[Int(random.next() % (isLenient ? 3 : 7))]
    }
    let count = Int.random(in: 0...3, using: &random)
    if field.isMap, let entry = field.messageType, let key = entry.field(numbered: 1),
      let value = entry.field(numbered: 2)
    {
      var members: [JSONMember] = []
      for number in 0..<count {
        let name = key.type == .bool ? ["true", "false"][number % 2] : "\(number)"
        if members.contains(where: { $0.name == name }) { continue }
        members.append(JSONMember(name, single(value, depth: depth)))
      }
      return .object(members)
    }
    guard field.isRepeated else { return single(field, depth: depth) }
    return .array((0..<count).map { _ in single(field, depth: depth) })
  }

  private mutating func single(_ field: MessageField, depth: Int) -> JSONValue {
    if let type = field.messageType {
      if let known = type.wellKnown { return wellKnown(known) }
      return message(of: type, depth: depth + 1)
    }
    return scalar(field.type, field.enumType)
  }

  private mutating func wellKnown(_ type: WellKnownType) -> JSONValue {
    let decimals = ["", ".5", ".000001", ".123456789", ".12"].randomElement(using: &random) ?? ""
    switch type {
    case .timestamp:
      let day = Timestamp.dateText(day: Int32.random(in: -719_162...2_932_896, using: &random))
      let zone = ["Z", "+05:30", "-08:00"].randomElement(using: &random) ?? "Z"
      // Offsets at the ends of the calendar lead out of it.
      let isEdge = day.hasPrefix("0001") || day.hasPrefix("9999")
      return .string("\(day)T23:59:07\(decimals)\(isEdge ? "Z" : zone)")
    case .duration:
      let seconds = Int64.random(in: -1_000_000...1_000_000, using: &random)
      return .string("\(seconds)\(decimals)s")
    case .wrapper(let type): return scalar(type, nil)
    }
  }

  private mutating func scalar(_ type: FieldType, _ names: EnumType?) -> JSONValue {
    switch type {
    case .int32, .sint32, .sfixed32: return whole(Int32.self)
    case .int64, .sint64, .sfixed64: return whole(Int64.self)
    case .uint32, .fixed32: return whole(UInt32.self)
    case .uint64, .fixed64: return whole(UInt64.self)
    case .bool: return .bool(Bool.random(using: &random))
    case .double: return double(Double(bitPattern: random.next()))
    case .float: return double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))))
    case .string:
      let texts = ["", "a", "bäß", "line\nend \"quoted\"", "😀", "\u{0}"]
      return .string(texts.randomElement(using: &random) ?? "")
    case .bytes:
      let texts = ["", "AQI=", "AQI", "-_8=", "+/8=", "AAAA"]
      return .string(texts.randomElement(using: &random) ?? "")
    case .enumeration:
      let value = names?.values.randomElement(using: &random)
      if Bool.random(using: &random) { return .string(value?.name ?? "") }
      let isUnnamed = Int.random(in: 0..<10, using: &random) == 0
      return .int(isUnnamed ? 77 : value?.number ?? 0)
    case .message, .group: return .null
    }
  }

  private mutating func double(_ value: Double) -> JSONValue {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return .int(0)
    case 1: return .double(-0.0) ?? .null
    case 2: return .string(["NaN", "Infinity", "-Infinity"].randomElement(using: &random) ?? "")
    case 3: return .string("2.5e-3")
    case 4: return .double(Double(Int.random(in: -1000...1000, using: &random)) / 8) ?? .null
    default: return .double(value) ?? .int(1)
    }
  }

  private mutating func whole<Value: FixedWidthInteger>(_ type: Value.Type) -> JSONValue {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return .int(0)
    case 1: return .int(Value.max)
    case 2: return .string("\(Value.min)")
    case 3: return .double(Double(Int8.random(in: 0...100, using: &random))) ?? .null
    case 4 where isWrong(): return .double(1e25) ?? .null
    case 5 where isWrong(): return .double(0.5) ?? .null
    case 6: return .string("\(UInt8.random(in: 0...100, using: &random))")
    default: return .int(Value(truncatingIfNeeded: random.next()))
    }
  }
}

extension JSONValue: ExpressibleByFloatLiteral {
  package init(floatLiteral value: Double) { self = .double(value) ?? .null }
}
