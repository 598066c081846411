import Glibc
import HTTPClient
import Testing

@Suite(.serialized) struct HTTPClientTests {
  private func options(_ change: (inout HTTPOptions) -> Void = { _ in }) -> HTTPOptions {
    var options = HTTPOptions(timeoutMillis: 5000, answerByteCountMax: 100)
    change(&options)
    return options
  }

  @Test func `a body goes out whole, with its headers and the token`() throws {
    let peer = try OneAnswerPeer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    let client = HTTPClient(
      options {
        $0.headers = ["Content-Type: application/json"]
        $0.credentials = .bearer("t0ken")
      })
    let body = Array(String(repeating: "x", count: 5000).utf8)
    let answer = try client.post("http://127.0.0.1:\(peer.port)/hook?a=b", body)
    #expect(answer == .init(status: 200, body: Array("ok".utf8)))
    let request = peer.request()
    #expect(request.hasPrefix("POST /hook?a=b HTTP/1.1\r\n"))
    #expect(request.contains("Authorization: Bearer t0ken\r\n"))
    #expect(request.contains("Content-Type: application/json\r\n"))
    #expect(request.contains("Content-Length: 5000\r\n"))
    #expect(!request.contains("Expect:"))
    #expect(request.hasSuffix("\r\n\r\n" + String(repeating: "x", count: 5000)))
  }

  @Test func `a peer that asks for time is heard`() throws {
    let peer = try OneAnswerPeer(
      "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n")
    let answer = try HTTPClient(options()).get("http://127.0.0.1:\(peer.port)/")
    #expect(answer == .init(status: 503, body: [], retryAfterSeconds: 17))
  }

  @Test func `a redirection is not followed`() throws {
    let peer = try OneAnswerPeer(
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    #expect(try HTTPClient(options()).get("http://127.0.0.1:\(peer.port)/").status == 302)
  }

  @Test func `a long answer is refused, or cut where only the status matters`() throws {
    let text =
      "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + String(repeating: "y", count: 101)
    let strict = try OneAnswerPeer(text)
    #expect(throws: HTTPClient.Failure.self) {
      try HTTPClient(self.options()).get("http://127.0.0.1:\(strict.port)/")
    }
    let lenient = try OneAnswerPeer(text)
    let answer = try HTTPClient(options { $0.longAnswer = .cut })
      .get("http://127.0.0.1:\(lenient.port)/")
    #expect(answer.status == 200)
    #expect(answer.body.count == 100)
  }

  @Test func `nobody there is a sentence, and so is a scheme that is not ours`() throws {
    let client = HTTPClient(options())
    #expect(throws: HTTPClient.Failure.self) { try client.get("http://127.0.0.1:1/") }
    #expect(throws: HTTPClient.Failure.self) { try client.get("file:///etc/hostname") }
  }

  @Test func `secrets are not printed`() {
    let text = String(reflecting: options { $0.credentials = .bearer("t0ken") })
    var dumped = ""
    dump(options { $0.credentials = .basic(user: "u", password: "t0ken") }, to: &dumped)
    #expect(!text.contains("t0ken") && !dumped.contains("t0ken"))
  }
}

/// A peer on the loopback that reads one request to its end and gives one answer.
private final class OneAnswerPeer: @unchecked Sendable {
  // @unchecked because `received` is written before the thread is joined and read after it.
  private(set) var port: UInt16 = 0
  private var received: [UInt8] = []
  private var thread = pthread_t()
  private let answer: String
  private let listener: Int32

  struct Refused: Error {}

  init(_ answer: String) throws {
    self.answer = answer
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe bind(listener, pointer, length) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    guard isBound, listen(listener, 1) == 0 else { throw Refused() }
    port = UInt16(bigEndian: address.sin_port)
    let start = unsafe Unmanaged.passRetained(self)
    unsafe pthread_create(
      &thread, nil,
      { context in
        guard let context = unsafe context else { return nil }
        unsafe Unmanaged<OneAnswerPeer>.fromOpaque(context).takeRetainedValue().serve()
        return nil
      }, unsafe start.toOpaque())
  }

  /// What was asked; waits for it.
  func request() -> String {
    pthread_join(thread, nil)
    return String(decoding: received, as: UTF8.self)
  }

  private func serve() {
    let connection = accept(listener, nil, nil)
    defer {
      close(connection)
      close(listener)
    }
    var part = [UInt8](repeating: 0, count: 4096)
    while !isWhole {
      let count = unsafe part.withUnsafeMutableBytes { bytes in
        unsafe read(connection, bytes.baseAddress, bytes.count)
      }
      if count <= 0 { break }
      received += part[..<count]
    }
    let bytes = Array(answer.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(connection, $0.baseAddress, $0.count) }
  }

  private var isWhole: Bool {
    let text = String(decoding: received, as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n") else { return false }
    guard let field = text.firstRange(of: "Content-Length: ") else { return true }
    let length = Int(text[field.upperBound...].prefix { $0.isNumber }) ?? 0
    return text[end.upperBound...].utf8.count >= length
  }
}
