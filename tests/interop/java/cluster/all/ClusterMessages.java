import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.TreeMap;

/**
 * Messages between object streams and text.
 *
 * Standard input and output are a row of entries: an int with a size, and so many octets; a negative size ends
 * the input. `read`: each entry is a stream, told as text. `write`: each entry is text, written as a stream.
 * `delta` and `state`: each entry is the stream of a list of changes or of sessions, taken apart by the calls
 * that the original makes; it gives two entries, text and a new stream.
 *
 * The text of an object is a line with its class and one for each field in the order of their names:
 * `field=value`, the fields of an object in a field as `field.name=value`. Text is quoted, octets are hex.
 */
public final class ClusterMessages {
    private static final String MEMBER = "org.apache.catalina.cluster.mcast.McastMember";

    public static void main(String[] arguments) throws Exception {
        DataInputStream input = new DataInputStream(System.in);
        DataOutputStream output = new DataOutputStream(System.out);
        while (true) {
            int size = input.readInt();
            if (size < 0) {
                break;
            }
            byte[] entry = input.readNBytes(size);
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            switch (arguments[0]) {
                case "read":
                    ObjectInputStream source = new ObjectInputStream(new ByteArrayInputStream(entry));
                    put(output, text(source.readObject()).getBytes("US-ASCII"));
                    expectEnd(source);
                    break;
                case "write":
                    try (ObjectOutputStream target = new ObjectOutputStream(written)) {
                        target.writeObject(made(new String(entry, "US-ASCII")));
                    }
                    put(output, written.toByteArray());
                    break;
                default:
                    StringBuilder said = new StringBuilder();
                    try (ObjectOutputStream target = new ObjectOutputStream(written)) {
                        ObjectInputStream inner = new ObjectInputStream(new ByteArrayInputStream(entry));
                        if (arguments[0].equals("delta")) {
                            delta(inner, target, said);
                        } else {
                            state(inner, target, said);
                        }
                        expectEnd(inner);
                    }
                    put(output, said.toString().getBytes("US-ASCII"));
                    put(output, written.toByteArray());
            }
        }
        output.flush();
    }

    private static void delta(ObjectInputStream source, ObjectOutputStream target, StringBuilder said)
            throws Exception {
        String id = source.readUTF();
        boolean all = source.readBoolean();
        int count = source.readInt();
        target.writeUTF(id);
        target.writeBoolean(all);
        target.writeInt(count);
        said.append(quoted(id)).append(' ').append(all).append(' ').append(count).append('\n');
        for (int number = 0; number < count; number++) {
            int type = source.readInt();
            int verb = source.readInt();
            String name = source.readUTF();
            Object value = source.readObject();
            target.writeInt(type);
            target.writeInt(verb);
            target.writeUTF(name);
            target.writeObject(value);
            said.append(type).append(' ').append(verb).append(' ').append(quoted(name)).append(' ');
            said.append(shown(value)).append('\n');
        }
    }

    private static void state(ObjectInputStream source, ObjectOutputStream target, StringBuilder said)
            throws Exception {
        int sessions = (Integer) passed(source, target, said);
        for (int number = 0; number < sessions; number++) {
            for (int item = 0; item < 6; item++) {
                passed(source, target, said);
            }
            boolean known = source.readBoolean();
            target.writeBoolean(known);
            said.append(known).append(' ');
            if (known) {
                principal(source, target, said);
            }
            passed(source, target, said);
            int attributes = (Integer) passed(source, target, said);
            for (int attribute = 0; attribute < attributes; attribute++) {
                passed(source, target, said);
                passed(source, target, said);
            }
            said.append('\n');
        }
    }

    /** As 5.5.5 has it: there is always a password. */
    private static void principal(ObjectInputStream source, ObjectOutputStream target, StringBuilder said)
            throws IOException {
        for (int text = 0; text < 2; text++) {
            String value = source.readUTF();
            target.writeUTF(value);
            said.append(quoted(value)).append(' ');
        }
        int roles = source.readInt();
        target.writeInt(roles);
        for (int role = 0; role < roles; role++) {
            String value = source.readUTF();
            target.writeUTF(value);
            said.append(quoted(value)).append(' ');
        }
    }

    private static Object passed(ObjectInputStream source, ObjectOutputStream target, StringBuilder said)
            throws Exception {
        Object value = source.readObject();
        target.writeObject(value);
        said.append(shown(value)).append(' ');
        return value;
    }

    private static void expectEnd(ObjectInputStream source) throws IOException {
        if (source.read() != -1) {
            throw new IOException("more than was asked for");
        }
    }

    private static void put(DataOutputStream output, byte[] octets) throws IOException {
        output.writeInt(octets.length);
        output.write(octets);
    }

    // Objects to text.

    private static String text(Object message) throws Exception {
        StringBuilder lines = new StringBuilder(message.getClass().getName()).append('\n');
        addFields(lines, "", message);
        return lines.toString();
    }

    private static void addFields(StringBuilder lines, String prefix, Object owner) throws Exception {
        for (Map.Entry<String, Field> entry : fields(owner.getClass()).entrySet()) {
            Object value = entry.getValue().get(owner);
            if (value != null && value.getClass().getName().equals(MEMBER)) {
                addFields(lines, prefix + entry.getKey() + ".", value);
            } else {
                lines.append(prefix).append(entry.getKey()).append('=').append(shown(value)).append('\n');
            }
        }
    }

    private static String shown(Object value) throws Exception {
        if (value instanceof String) {
            return quoted((String) value);
        } else if (value instanceof byte[]) {
            StringBuilder hex = new StringBuilder("hex ");
            for (byte octet : (byte[]) value) {
                hex.append(String.format("%02x", octet & 0xff));
            }
            return hex.toString();
        } else if (value instanceof String[]) {
            StringBuilder items = new StringBuilder("[");
            for (String item : (String[]) value) {
                items.append(quoted(item)).append(' ');
            }
            return items.append(']').toString();
        } else if (value != null && value.getClass().getName().endsWith("SerializablePrincipal")) {
            return text(value).replace('\n', ' ');
        }
        return String.valueOf(value);
    }

    private static TreeMap<String, Field> fields(Class<?> kind) {
        TreeMap<String, Field> found = new TreeMap<>();
        for (Field field : kind.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers())) {
                field.setAccessible(true);
                found.put(field.getName(), field);
            }
        }
        return found;
    }

    private static String quoted(String value) {
        StringBuilder text = new StringBuilder("\"");
        for (int index = 0; index < value.length(); index++) {
            char unit = value.charAt(index);
            if (unit > ' ' && unit < 127 && unit != '\\' && unit != '"') {
                text.append(unit);
            } else {
                text.append(String.format("\\%04x", (int) unit));
            }
        }
        return text.append('"').toString();
    }

    // Text to objects.

    private static Object made(String text) throws Exception {
        String[] lines = text.split("\n");
        Object message = empty(lines[0]);
        for (int number = 1; number < lines.length; number++) {
            int at = lines[number].indexOf('=');
            set(message, lines[number].substring(0, at), lines[number].substring(at + 1));
        }
        return message;
    }

    private static Object empty(String name) throws Exception {
        Constructor<?> constructor = Class.forName(name).getDeclaredConstructor();
        constructor.setAccessible(true);
        return constructor.newInstance();
    }

    private static void set(Object owner, String path, String value) throws Exception {
        int dot = path.indexOf('.');
        Field field = fields(owner.getClass()).get(dot < 0 ? path : path.substring(0, dot));
        if (dot >= 0) {
            if (field.get(owner) == null) {
                field.set(owner, empty(MEMBER));
            }
            set(field.get(owner), path.substring(dot + 1), value);
        } else if (field.getType() == int.class) {
            field.setInt(owner, Integer.parseInt(value));
        } else if (field.getType() == long.class) {
            field.setLong(owner, Long.parseLong(value));
        } else if (field.getType() == boolean.class) {
            field.setBoolean(owner, Boolean.parseBoolean(value));
        } else if (!value.equals("null")) {
            field.set(owner, field.getType() == byte[].class ? octets(value) : unquoted(value));
        }
    }

    private static byte[] octets(String value) {
        byte[] made = new byte[(value.length() - 4) / 2];
        for (int index = 0; index < made.length; index++) {
            made[index] = (byte) Integer.parseInt(value.substring(4 + 2 * index, 6 + 2 * index), 16);
        }
        return made;
    }

    private static String unquoted(String value) {
        StringBuilder text = new StringBuilder();
        for (int index = 1; index < value.length() - 1; index++) {
            if (value.charAt(index) == '\\') {
                text.append((char) Integer.parseInt(value.substring(index + 1, index + 5), 16));
                index += 4;
            } else {
                text.append(value.charAt(index));
            }
        }
        return text.toString();
    }
}
