internal import Base
internal import HTTPClient

/// Asks one Schema Registry, one request at a time (Confluent's REST API, version 1).
///
/// **Threads:** one at a time; every call blocks, at most for the options' timeout.
struct RegistryClient: ~Copyable {
  private let options: RegistryOptions
  private let client: HTTPClient

  /// - Parameter shouldEnd: Asked about once a second while a request waits: whether to give it up.
  init(_ options: RegistryOptions, shouldEnd: @escaping @Sendable () -> Bool = { false }) {
    self.options = options
    client = HTTPClient(HTTPOptions(options), shouldEnd: shouldEnd)
  }

  /// The answer for an id, and the URL it came from.
  func schemaBytes(id: Int32) throws(RegistryError) -> (bytes: [UInt8], url: String) {
    // A registry that does not know the format ignores the word and sends text.
    let url = "\(options.url)/schemas/ids/\(id)?format=serialized"
    return (try get(url), url)
  }

  /// A version of a subject: a number, or `latest`.
  func schema(subject: String, version: String) throws(RegistryError) -> RegistrySchema {
    let subject = Self.escaped(subject)
    let url = "\(options.url)/subjects/\(subject)/versions/\(version)?format=serialized"
    return try RegistrySchema(get(url), url: url)
  }

  private func get(_ url: String) throws(RegistryError) -> [UInt8] {
    let response: HTTPClient.Answer
    do {
      response = try client.get(url)
    } catch {
      throw RegistryError(.noAnswer, url: url, detail: error.detail)
    }
    if response.status == 200 { return response.body }
    throw Self.error(response, url: url)
  }

  /// A registry explains itself with `{"error_code": 40403, "message": "…"}`. What is not found
  /// without that was never looked for: the URL leads to something else.
  private static func error(_ response: HTTPClient.Answer, url: String) -> RegistryError {
    let document = try? JSONValue(parsing: response.body)
    let code = document?["error_code"]?.int64Value
    let detail = PlainText.shown(document?["message"]?.stringValue ?? "no explanation")
    switch response.status {
    case 404 where code != nil: return RegistryError(.notFound, url: url, detail: detail)
    case 404: return RegistryError(.garbled, url: url, detail: "404 without an error_code")
    case 401, 403: return RegistryError(.notAllowed, url: url, detail: detail)
    default: return RegistryError(.status(response.status), url: url, detail: detail)
    }
  }

  /// As a part of a path (RFC 3986, section 2.3): a subject may hold anything.
  private static func escaped(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default: escaped += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return escaped
  }
}

extension HTTPOptions {
  fileprivate init(_ registry: RegistryOptions) {
    self.init(
      timeoutMillis: registry.timeoutMillis, answerByteCountMax: registry.answerByteCountMax)
    headers = ["Accept: application/vnd.schemaregistry.v1+json, application/json"]
    authorityFile = registry.authorityFile
    if let user = registry.user {
      credentials = .basic(user: user, password: registry.password ?? "")
    }
  }
}
