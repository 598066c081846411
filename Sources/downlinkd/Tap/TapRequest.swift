import Base
import Pipeline

/// What a tap asks for: `what=windows&device=sat-*&rate=100`.
struct TapRequest: Equatable {
  var filter: TapFilter
  /// Rows a second at most.
  var rate = TapRequest.rateDefault

  static let rateDefault = 1000
  static let rateMax = 100_000

  /// Why a request is refused: a sentence.
  struct Refusal: Error, Equatable {
    let sentence: String
  }

  private enum Key: String, CaseIterable {
    case what, source, device, metric, detector, severity, rate
  }

  init(_ filter: TapFilter) { self.filter = filter }

  /// Reads the query of a request.
  init(_ query: [String: String]) throws(Refusal) {
    if let unknown = query.keys.sorted().first(where: { Key(rawValue: $0) == nil }) {
      let known = Key.allCases.map(\.rawValue).joined(separator: ", ")
      throw Refusal(sentence: "\(PlainText.shown(unknown)): there are only \(known)")
    }
    let what = query[Key.what.rawValue] ?? TapFilter.Stream.readings.rawValue
    guard let stream = TapFilter.Stream(rawValue: what) else {
      let known = TapFilter.Stream.allCases.map(\.rawValue).joined(separator: ", ")
      throw Refusal(sentence: "what: expected one of \(known)")
    }
    filter = TapFilter(stream)
    filter.source = query[Key.source.rawValue].map { Glob($0) }
    filter.device = query[Key.device.rawValue].map { Glob($0) }
    filter.metric = query[Key.metric.rawValue].map { Glob($0) }
    filter.detector = query[Key.detector.rawValue].map { Glob($0) }
    filter.severity = query[Key.severity.rawValue].map { Glob($0) }
    if stream != .anomalies, filter.detector != nil || filter.severity != nil {
      throw Refusal(sentence: "detector and severity: only anomalies have them")
    }
    if let text = query[Key.rate.rawValue] {
      guard let rate = Int(text), (1...Self.rateMax).contains(rate) else {
        throw Refusal(sentence: "rate: expected 1 to \(Self.rateMax) rows a second")
      }
      self.rate = rate
    }
  }

  /// The request's path, with its query.
  var path: String {
    var pairs = [(Key.what, filter.stream.rawValue)]
    let globs: [(Key, Glob?)] = [
      (.source, filter.source), (.device, filter.device), (.metric, filter.metric),
      (.detector, filter.detector), (.severity, filter.severity),
    ]
    for (key, glob) in globs {
      if let glob { pairs.append((key, glob.pattern)) }
    }
    pairs.append((.rate, "\(rate)"))
    return "/tap?"
      + pairs.map { "\($0.rawValue)=\(Self.percentEncoded($1))" }.joined(separator: "&")
  }

  /// RFC 3986, section 2: all but unreserved characters.
  private static func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default: encoded += "%" + HexText.text([byte])
      }
    }
    return encoded
  }
}
