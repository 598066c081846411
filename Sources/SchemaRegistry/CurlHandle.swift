internal import CCurl
internal import Glibc

/// One connection's worth of libcurl: made once, used for one request after the other, so that the
/// registry's connection stays open between them.
///
/// **Threads:** one at a time. **Invariants:** `raw` is cleaned up exactly once, as is `headers`,
/// after it; libcurl copies the texts it is given.
@safe
struct CurlHandle: ~Copyable {
  /// What came back.
  struct Response {
    var status: Int
    var body: [UInt8]
  }

  /// Why nothing did; `detail` is libcurl's, and names hosts and files only.
  struct Failure: Error {
    var detail: String
  }

  private let raw: UnsafeMutableRawPointer
  private let headers: UnsafeMutablePointer<curl_slist>?
  private let errorText: UnsafeMutablePointer<CChar>
  private let patience: Patience
  private let bodyByteCountMax: Int

  /// libcurl wants this once a process, before anything else.
  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// - Parameter shouldEnd: Asked about once a second while a request waits: whether to give it up.
  init(_ options: RegistryOptions, shouldEnd: @escaping @Sendable () -> Bool) {
    guard Self.isReady, let raw = unsafe curl_easy_init() else {
      preconditionFailure("libcurl cannot start: the system is out of memory")
    }
    unsafe self.raw = raw
    unsafe headers = curl_slist_append(
      nil, "Accept: application/vnd.schemaregistry.v1+json, application/json")
    unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    bodyByteCountMax = options.answerByteCountMax
    patience = Patience(shouldEnd)
    configure(options)
  }

  deinit {
    unsafe curl_easy_cleanup(raw)
    unsafe curl_slist_free_all(headers)
    unsafe errorText.deallocate()
  }

  private func configure(_ options: RegistryOptions) {
    // Its callback is what ends a request early; this turns it on.
    set(CURLOPT_NOPROGRESS, 0)
    unsafe set(CURLOPT_XFERINFODATA, Unmanaged.passUnretained(patience).toOpaque())
    unsafe check(downlink_curl_set_progress(raw, isOver))
    // A resolver of names that hangs is not waited for.
    unsafe downlink_curl_set_quick_exit(raw)
    // Signals belong to the program's main thread.
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    // Another address could be anybody's, and the password goes with the request.
    set(CURLOPT_FOLLOWLOCATION, 0)
    // The configuration says where the registry is, not the environment.
    set(CURLOPT_PROXY, "")
    set(CURLOPT_CONNECTTIMEOUT_MS, options.timeoutMillis)
    set(CURLOPT_TIMEOUT_MS, options.timeoutMillis)
    set(CURLOPT_USERAGENT, "downlinkd")
    unsafe set(CURLOPT_HTTPHEADER, UnsafeMutableRawPointer(headers))
    unsafe set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(errorText))
    if let file = options.authorityFile { set(CURLOPT_CAINFO, file) }
    if let user = options.user {
      set(CURLOPT_HTTPAUTH, 1 << 0)  // CURLAUTH_BASIC, a macro with a cast
      set(CURLOPT_USERNAME, user)
      set(CURLOPT_PASSWORD, options.password ?? "")
    }
  }

  /// Gets a URL. Blocks, for as long as the options allow.
  func get(_ url: String) throws(Failure) -> Response {
    let body = ResponseBody(byteCountMax: bodyByteCountMax)
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
    return Response(status: status, body: body.bytes)
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

/// Where a response's bytes gather.
private final class ResponseBody {
  private(set) var bytes: [UInt8] = []
  private(set) var isTooLong = false
  private let byteCountMax: Int

  init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

  /// False where they are too many.
  func append(_ more: UnsafeRawBufferPointer) -> Bool {
    isTooLong = more.count > byteCountMax - bytes.count
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
  let body = unsafe Unmanaged<ResponseBody>.fromOpaque(context).takeUnretainedValue()
  let offered = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
  return unsafe body.append(offered) ? offered.count : 0
}
