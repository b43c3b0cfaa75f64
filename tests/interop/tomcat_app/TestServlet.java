import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The application behind Tomcat in the interop tests. It takes every method, and the first part of the path
 * says what it does (anything else is an echo):
 *
 *   /big?n=N[&length=no]   N octets (octet i is i mod 251), with Content-Length unless told not to
 *   /flush?n=N[&ms=M]      N lines "piece i", each flushed, M ms apart
 *   /status?code=C         status C and a short body
 *   /session               {"id", "count", "new"}: a counter in the session
 *   /sleep?ms=M            an echo after M ms
 *   /fail[?late=N]         an exception, after N octets were flushed
 *   /noread                an echo that leaves the request's body unread
 *   everything else        an echo: what the container knows about the request, as JSON
 *
 * Parameters for all: header=Name:value (repeatable) adds a response header, attribute=NAME (repeatable)
 * puts the request attribute of that name into the echo. Only the query string is looked at.
 */
public class TestServlet extends HttpServlet {
    private static final String TLS = "jakarta.servlet.request.";

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        Map<String, List<String>> query = parse(request.getQueryString());
        for (String header : query.getOrDefault("header", List.of())) {
            int colon = header.indexOf(':');
            response.addHeader(header.substring(0, colon), header.substring(colon + 1));
        }
        String path = request.getRequestURI();
        int slash = path.indexOf('/', 1);
        String first = slash < 0 ? path : path.substring(0, slash);
        int semicolon = first.indexOf(';');
        switch (semicolon < 0 ? first : first.substring(0, semicolon)) {
            case "/big" -> big(query, response);
            case "/flush" -> flush(query, response);
            case "/status" -> status(query, response);
            case "/session" -> session(request, response);
            case "/sleep" -> {
                sleep(number(query, "ms", 0));
                echo(request, response, query, true);
            }
            case "/fail" -> fail(query, response);
            case "/noread" -> echo(request, response, query, false);
            default -> echo(request, response, query, true);
        }
    }

    private static void big(Map<String, List<String>> query, HttpServletResponse response) throws IOException {
        long left = number(query, "n", 0);
        response.setContentType("application/octet-stream");
        if (!query.containsKey("length")) {
            response.setContentLengthLong(left);
        }
        byte[] pattern = new byte[251 * 64];
        for (int i = 0; i < pattern.length; i++) {
            pattern[i] = (byte) (i % 251);
        }
        OutputStream out = response.getOutputStream();
        while (left > 0) {
            int size = (int) Math.min(left, pattern.length);
            out.write(pattern, 0, size);
            left -= size;
        }
    }

    private static void flush(Map<String, List<String>> query, HttpServletResponse response) throws IOException {
        response.setContentType("text/plain");
        OutputStream out = response.getOutputStream();
        for (long i = 0; i < number(query, "n", 3); i++) {
            out.write(("piece " + i + "\n").getBytes(StandardCharsets.US_ASCII));
            response.flushBuffer();
            sleep(number(query, "ms", 0));
        }
    }

    private static void status(Map<String, List<String>> query, HttpServletResponse response) throws IOException {
        int code = (int) number(query, "code", 200);
        response.setStatus(code);
        if (code != 204 && code != 304) {
            send(response, "status " + code + "\n", "text/plain");
        }
    }

    private static void session(HttpServletRequest request, HttpServletResponse response) throws IOException {
        HttpSession session = request.getSession();
        Integer before = (Integer) session.getAttribute("count");
        int count = before == null ? 1 : before + 1;
        session.setAttribute("count", count);
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("id", session.getId());
        facts.put("count", count);
        facts.put("new", session.isNew());
        send(response, json(facts), "application/json");
    }

    private static void fail(Map<String, List<String>> query, HttpServletResponse response) throws IOException {
        if (query.containsKey("late")) {
            response.getOutputStream().write(new byte[(int) number(query, "late", 1)]);
            response.flushBuffer();
        }
        throw new IllegalStateException("asked to fail");
    }

    private static void echo(
            HttpServletRequest request, HttpServletResponse response, Map<String, List<String>> query, boolean read)
            throws IOException {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("method", request.getMethod());
        facts.put("uri", request.getRequestURI());
        facts.put("query", request.getQueryString());
        facts.put("protocol", request.getProtocol());
        facts.put("scheme", request.getScheme());
        facts.put("secure", request.isSecure());
        facts.put("remote_addr", request.getRemoteAddr());
        facts.put("remote_host", request.getRemoteHost());
        facts.put("remote_port", request.getRemotePort());
        facts.put("remote_user", request.getRemoteUser());
        facts.put("auth_type", request.getAuthType());
        facts.put("server_name", request.getServerName());
        facts.put("server_port", request.getServerPort());
        facts.put("local_addr", request.getLocalAddr());
        facts.put("content_length", request.getContentLengthLong());
        facts.put("requested_session_id", request.getRequestedSessionId());
        List<Object> headers = new ArrayList<>();
        for (String name : Collections.list(request.getHeaderNames())) {
            for (String value : Collections.list(request.getHeaders(name))) {
                headers.add(List.of(name, value));
            }
        }
        facts.put("headers", headers);
        facts.put("attributes", attributes(request, query));
        facts.put("tls", tls(request));
        if (read) {
            facts.put("body", body(request.getInputStream()));
        }
        send(response, json(facts), "application/json");
    }

    private static Map<String, Object> attributes(HttpServletRequest request, Map<String, List<String>> query) {
        Map<String, Object> found = new LinkedHashMap<>();
        for (String name : query.getOrDefault("attribute", List.of())) {
            Object value = request.getAttribute(name);
            found.put(name, value == null ? null : value.toString());
        }
        return found;
    }

    private static Map<String, Object> tls(HttpServletRequest request) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("cipher", request.getAttribute(TLS + "cipher_suite"));
        facts.put("key_size", request.getAttribute(TLS + "key_size"));
        facts.put("session", request.getAttribute(TLS + "ssl_session_id"));
        X509Certificate[] chain = (X509Certificate[]) request.getAttribute(TLS + "X509Certificate");
        List<Object> subjects = new ArrayList<>();
        for (X509Certificate certificate : chain == null ? new X509Certificate[0] : chain) {
            subjects.add(certificate.getSubjectX500Principal().getName());
        }
        facts.put("certificates", subjects);
        return facts;
    }

    private static Map<String, Object> body(InputStream in) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[65536];
            byte[] head = null;
            long length = 0;
            for (int size = in.read(buffer); size >= 0; size = in.read(buffer)) {
                if (head == null) {
                    head = Arrays.copyOf(buffer, Math.min(size, 100));
                }
                digest.update(buffer, 0, size);
                length += size;
            }
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("length", length);
            StringBuilder hex = new StringBuilder();
            for (byte octet : digest.digest()) {
                hex.append(String.format("%02x", octet));
            }
            facts.put("sha256", hex.toString());
            facts.put("head", head == null ? "" : new String(head, StandardCharsets.ISO_8859_1));
            return facts;
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static void send(HttpServletResponse response, String text, String type) throws IOException {
        byte[] octets = text.getBytes(StandardCharsets.US_ASCII);
        response.setContentType(type);
        response.setContentLength(octets.length);
        response.getOutputStream().write(octets);
    }

    private static void sleep(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static long number(Map<String, List<String>> query, String name, long otherwise) {
        List<String> values = query.get(name);
        return values == null ? otherwise : Long.parseLong(values.get(0));
    }

    private static Map<String, List<String>> parse(String query) {
        Map<String, List<String>> parsed = new HashMap<>();
        for (String pair : query == null ? new String[0] : query.split("&")) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                String value = URLDecoder.decode(pair.substring(equals + 1), StandardCharsets.UTF_8);
                parsed.computeIfAbsent(pair.substring(0, equals), name -> new ArrayList<>()).add(value);
            }
        }
        return parsed;
    }

    private static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            List<String> members = new ArrayList<>();
            map.forEach((name, member) -> members.add(json(name.toString()) + ":" + json(member)));
            return "{" + String.join(",", members) + "}";
        }
        if (value instanceof List<?> list) {
            return "[" + String.join(",", list.stream().map(TestServlet::json).toList()) + "]";
        }
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return String.valueOf(value);
        }
        StringBuilder text = new StringBuilder("\"");
        for (char c : value.toString().toCharArray()) {
            boolean plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
            text.append(plain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
        }
        return text.append('"').toString();
    }
}
