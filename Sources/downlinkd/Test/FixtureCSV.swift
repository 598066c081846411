import Base
import Decode

/// Records in a CSV file: a row is a message, a column the path of one of its fields.
///
/// `$key`, `$timestamp` (a time with offset) and `$header.NAME` are columns of the record around
/// it. An empty cell is an absent value. A repeated field on the path has one element: a row is one
/// row of a narrow source.
struct FixtureCSV: ~Copyable {
  enum Row {
    case record(
      JSONValue, key: [UInt8]?, headers: [(name: String, value: [UInt8]?)], timestamp: Int64?)
    /// A sentence about the row.
    case fault(String)
  }

  private var reader: CSVReader
  private let names: [String]
  private let type: MessageType

  /// Opens the file and reads its header.
  init(_ file: String, _ type: MessageType) throws(ProduceError) {
    var reader = CSVReader(try ByteInput.open(file), delimiter: UInt8(ascii: ","))
    guard try reader.next() else {
      throw .usage("\(file) is empty: its first line names the columns")
    }
    var names: [String] = []
    for index in reader.fields.indices {
      names.append(String(decoding: reader.field(index), as: UTF8.self))
    }
    self.names = names
    self.type = type
    self.reader = reader
  }

  /// Of the row that was read last.
  var line: Int { reader.line }

  /// The next row; nil at the end.
  mutating func next() throws(ProduceError) -> Row? {
    guard try reader.next() else { return nil }
    guard !reader.isMalformed, reader.fields.count == names.count else {
      return .fault("another number of fields than the first line, or text after a closing quote")
    }
    var members: [JSONMember] = []
    var key: [UInt8]?
    var headers: [(name: String, value: [UInt8]?)] = []
    var timestamp: Int64?
    for (index, name) in names.enumerated() {
      let bytes = Array(reader.field(index))
      if bytes.isEmpty { continue }
      if name == "$key" {
        key = bytes
      } else if name.hasPrefix("$header.") {
        headers.append((String(name.dropFirst("$header.".count)), bytes))
      } else if name == "$timestamp" {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let instant = InstantText(text) else {
          return .fault("$timestamp: \(PlainText.shown(text)) is no time with an offset")
        }
        timestamp = instant.micros
      } else {
        let text = String(decoding: bytes, as: UTF8.self)
        Self.set(text, at: name.split(separator: ".")[...], type, &members)
      }
    }
    return .record(.object(members), key: key, headers: headers, timestamp: timestamp)
  }

  /// Puts a cell where its column says. A name that no field has stays as it is: the encoder says
  /// so.
  private static func set(
    _ text: String, at path: ArraySlice<Substring>, _ type: MessageType?,
    _ members: inout [JSONMember]
  ) {
    guard let name = path.first.map(String.init) else { return }
    let field = type?.field(writtenAs: name)
    let rest = path.dropFirst()
    if rest.isEmpty {
      let isBool = field?.type == .bool && (text == "true" || text == "false")
      members.append(JSONMember(name, isBool ? .bool(text == "true") : .string(text)))
      return
    }
    let place = members.firstIndex { $0.name == name }
    var inner = place.flatMap { members[$0].value.arrayValue?.first ?? members[$0].value }?.members
      ?? []
    if field?.isMap == true {
      inner.append(JSONMember(rest.joined(separator: "."), .string(text)))
    } else {
      set(text, at: rest, field?.messageType, &inner)
    }
    let isList = field?.isRepeated == true && field?.isMap == false
    let value: JSONValue = isList ? [.object(inner)] : .object(inner)
    if let place { members[place].value = value } else { members.append(JSONMember(name, value)) }
  }
}
