import Base
import Decode

/// The keys and headers of a sample of records.
struct KeyStatistics {
  /// One header's values.
  struct Header {
    var name: String
    var recordCount = 0
    var values = DistinctValues()
    /// Whether every value could be a device or an attribute.
    var isText = true
  }

  private(set) var recordCount = 0
  private(set) var presentCount = 0
  /// Keys that could be a device: UTF-8 without NUL, neither empty nor too long.
  private(set) var textCount = 0
  private(set) var distinct = DistinctValues()
  /// The first few names, in the order in which they came up.
  private(set) var headers: [Header] = []
  private var groups: [[UInt8]: Int] = [:]
  private var budget = InferenceBounds.entryCountMax

  private static let headerCountMax = 32

  mutating func insert(_ record: SampleRecord) {
    recordCount += 1
    if let key = record.key {
      presentCount += 1
      if Self.isWord(key) { textCount += 1 }
      if groups[key] == nil, groups.count < InferenceBounds.distinctCountMax {
        groups[key] = groups.count
      }
      Self.insert(key, into: &distinct, &budget)
    }
    var seen: Set<String> = []
    for header in record.headers where seen.insert(header.name).inserted {
      guard let value = record.headers.last(where: { $0.name == header.name })?.value else {
        continue
      }
      var index = headers.firstIndex { $0.name == header.name }
      if index == nil, headers.count < Self.headerCountMax {
        headers.append(Header(name: header.name))
        index = headers.count - 1
      }
      guard let index else { continue }
      headers[index].recordCount += 1
      if !Self.isWord(value) { headers[index].isText = false }
      Self.insert(value, into: &headers[index].values, &budget)
    }
  }

  private static func insert(
    _ bytes: [UInt8], into values: inout DistinctValues, _ budget: inout Int
  ) {
    values.insert(XXHash64.hash(bytes), budget: &budget) {
      FieldStatistics.shortText(bytes, 0..<bytes.count)
    }
  }

  /// The number of a key; nil for none, and for those beyond what can be told apart.
  func group(of key: [UInt8]?) -> Int? { key.flatMap { groups[$0] } }

  var textShare: Double { recordCount == 0 ? 0 : Double(textCount) / Double(recordCount) }

  /// Whether keys name something that sends more than one record.
  var isRepeating: Bool { !distinct.isCapped && distinct.count * 2 <= presentCount }

  static func isWord(_ bytes: [UInt8]) -> Bool {
    !bytes.isEmpty && bytes.count <= StringBounds.recordTextByteCountMax && !bytes.contains(0)
      && String(validating: bytes, as: UTF8.self) != nil
  }
}
