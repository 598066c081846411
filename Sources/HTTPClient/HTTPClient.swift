internal import CCurl
internal import Glibc

/// Asks one peer over HTTP, one request at a time, by libcurl: one connection's worth of it, used
/// for one request after the other, so that the connection stays open between them.
///
/// Nothing but the options says where requests go: redirects are not followed, since another
/// address could be anybody's and the credentials go with the request, and the environment's
/// proxies are not asked.
///
/// **Threads:** one at a time; every call blocks, at most for the options' timeout.
/// **Invariants:** `raw` is cleaned up exactly once, as is `headers`, after it; libcurl copies the
/// texts it is given.
@safe
package struct HTTPClient: ~Copyable {
  /// What came back.
  package struct Answer: Equatable, Sendable {
    package var status: Int
    package var body: [UInt8]
    /// Seconds after which the peer wants to be asked again (`Retry-After`, as seconds or as a
    /// date); 0 where it does not say.
    package var retryAfterSeconds: Int

    package init(status: Int, body: [UInt8], retryAfterSeconds: Int = 0) {
      self.status = status
      self.body = body
      self.retryAfterSeconds = retryAfterSeconds
    }
  }

  /// Why nothing did; `detail` is libcurl's, and names hosts and files only.
  package struct Failure: Error, Sendable {
    package var detail: String
  }

  private let raw: UnsafeMutableRawPointer
  private let headers: UnsafeMutablePointer<curl_slist>?
  private let errorText: UnsafeMutablePointer<CChar>
  private let patience: Patience
  private let bodyByteCountMax: Int
  private let longAnswer: HTTPOptions.LongAnswer

  /// libcurl wants this once a process, before anything else.
  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// - Parameter shouldEnd: Asked about once a second while a request waits: whether to give it up.
  package init(
    _ options: HTTPOptions, shouldEnd: @escaping @Sendable () -> Bool = { false }
  ) {
    guard Self.isReady, let raw = unsafe curl_easy_init() else {
      preconditionFailure("libcurl cannot start: the system is out of memory")
    }
    unsafe self.raw = raw
    // Without an empty one, libcurl asks before it sends a large body, and waits for the answer.
    var headers = unsafe curl_slist_append(nil, "Expect:")
    for header in options.headers { unsafe headers = curl_slist_append(headers, header) }
    unsafe self.headers = headers
    unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    bodyByteCountMax = options.answerByteCountMax
    longAnswer = options.longAnswer
    patience = Patience(shouldEnd)
    configure(options)
  }

  deinit {
    unsafe curl_easy_cleanup(raw)
    unsafe curl_slist_free_all(headers)
    unsafe errorText.deallocate()
  }

  private func configure(_ options: HTTPOptions) {
    // Its callback is what ends a request early; this turns it on.
    set(CURLOPT_NOPROGRESS, 0)
    unsafe set(CURLOPT_XFERINFODATA, Unmanaged.passUnretained(patience).toOpaque())
    unsafe check(downlink_curl_set_progress(raw, isOver))
    // A resolver of names that hangs is not waited for.
    unsafe downlink_curl_set_quick_exit(raw)
    // Signals belong to the program's main thread.
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_PROXY, "")
    set(CURLOPT_CONNECTTIMEOUT_MS, options.timeoutMillis)
    set(CURLOPT_TIMEOUT_MS, options.timeoutMillis)
    set(CURLOPT_USERAGENT, "downlinkd")
    unsafe set(CURLOPT_HTTPHEADER, UnsafeMutableRawPointer(headers))
    unsafe set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(errorText))
    if let file = options.authorityFile { set(CURLOPT_CAINFO, file) }
    switch options.credentials {
    case .none: break
    case .basic(let user, let password):
      set(CURLOPT_HTTPAUTH, 1 << 0)  // CURLAUTH_BASIC, a macro with a cast
      set(CURLOPT_USERNAME, user)
      set(CURLOPT_PASSWORD, password)
    case .bearer(let token):
      set(CURLOPT_HTTPAUTH, 1 << 6)  // CURLAUTH_BEARER
      set(CURLOPT_XOAUTH2_BEARER, token)
    }
  }

  /// Gets a URL.
  package func get(_ url: String) throws(Failure) -> Answer {
    set(CURLOPT_HTTPGET, 1)
    return try perform(url)
  }

  /// Posts a body, whose kind one of the options' headers should say.
  package func post(_ url: String, _ body: [UInt8]) throws(Failure) -> Answer {
    set(CURLOPT_POST, 1)
    set(CURLOPT_POSTFIELDSIZE, body.count)
    // Copied by libcurl, after it knows the size: no pointer of ours outlives this.
    unsafe body.withUnsafeBytes { bytes in
      unsafe set(
        CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
    return try perform(url)
  }

  private func perform(_ url: String) throws(Failure) -> Answer {
    let body = AnswerBody(byteCountMax: bodyByteCountMax, isCut: longAnswer == .cut)
    set(CURLOPT_URL, url)
    unsafe set(CURLOPT_WRITEDATA, Unmanaged.passUnretained(body).toOpaque())
    unsafe check(downlink_curl_set_receiver(raw, receive))
    unsafe errorText[0] = 0
    let code = withExtendedLifetime((body, patience)) { unsafe curl_easy_perform(raw) }
    if body.isTooLong {
      throw Failure(detail: "the answer has more than \(bodyByteCountMax) bytes")
    }
    guard code == CURLE_OK else {
      let said = unsafe String(cString: errorText)
      throw Failure(detail: said.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : said)
    }
    var status = 0
    unsafe check(downlink_curl_response_code(raw, &status))
    var seconds: curl_off_t = 0
    unsafe check(downlink_curl_retry_after(raw, &seconds))
    return Answer(status: status, body: body.bytes, retryAfterSeconds: Int(seconds))
  }

  // MARK: - Options

  private func set(_ option: CURLoption, _ value: Int) {
    unsafe check(downlink_curl_set_number(raw, option, value))
  }

  private func set(_ option: CURLoption, _ value: String) {
    unsafe check(downlink_curl_set_text(raw, option, value))
  }

  @unsafe
  private func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) {
    unsafe check(downlink_curl_set_pointer(raw, option, value))
  }

  private func check(_ code: CURLcode) {
    precondition(code == CURLE_OK, "libcurl does not know an option that version 7.85 has")
  }
}

/// Who says when a request is to be given up.
private final class Patience: Sendable {
  let shouldEnd: @Sendable () -> Bool

  init(_ shouldEnd: @escaping @Sendable () -> Bool) { self.shouldEnd = shouldEnd }
}

/// libcurl's progress callback, about once a second while nothing comes: anything but 0 ends the
/// transfer.
private func isOver(
  _ context: UnsafeMutableRawPointer?, _: curl_off_t, _: curl_off_t, _: curl_off_t, _: curl_off_t
) -> CInt {
  guard let context = unsafe context else { return 0 }
  return unsafe Unmanaged<Patience>.fromOpaque(context).takeUnretainedValue().shouldEnd() ? 1 : 0
}

/// Where an answer's bytes gather.
private final class AnswerBody {
  private(set) var bytes: [UInt8] = []
  private(set) var isTooLong = false
  private let byteCountMax: Int
  private let isCut: Bool

  init(byteCountMax: Int, isCut: Bool) {
    self.byteCountMax = byteCountMax
    self.isCut = isCut
  }

  /// False where they are too many.
  func append(_ more: UnsafeRawBufferPointer) -> Bool {
    let room = byteCountMax - bytes.count
    if isCut {
      unsafe bytes.append(contentsOf: more.prefix(room))
      return true
    }
    isTooLong = more.count > room
    if !isTooLong { unsafe bytes.append(contentsOf: more) }
    return !isTooLong
  }
}

/// libcurl's write callback: taking fewer bytes than are offered ends the transfer.
private func receive(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context = unsafe context else { return 0 }
  let body = unsafe Unmanaged<AnswerBody>.fromOpaque(context).takeUnretainedValue()
  let offered = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
  return unsafe body.append(offered) ? offered.count : 0
}
