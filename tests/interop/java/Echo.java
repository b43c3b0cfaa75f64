import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Reads object streams, says what is in them, and writes them again.
 *
 * Standard input and output are a row of entries: an int with a size, and so many octets. Each entry read is a
 * stream. `java Echo values`: it holds one object; written are its description and a new stream of it.
 * `java Echo sequence`: it holds primitive values and objects in turn, which are written in the same turn.
 */
public final class Echo {
    public static void main(String[] arguments) throws Exception {
        DataInputStream input = new DataInputStream(System.in);
        DataOutputStream output = new DataOutputStream(System.out);
        while (true) {
            int size = input.readInt();
            if (size < 0) {
                break;
            }
            byte[] octets = input.readNBytes(size);
            ObjectInputStream source = new ObjectInputStream(new ByteArrayInputStream(octets));
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            if (arguments[0].equals("values")) {
                echoValue(source, output, written);
            } else {
                echoSequence(source, written);
            }
            if (source.read() != -1) {
                throw new IOException("more than was asked for");
            }
            writeEntry(output, written.toByteArray());
        }
        output.flush();
    }

    private static void echoValue(ObjectInputStream source, DataOutputStream output, ByteArrayOutputStream written)
            throws Exception {
        Object value = source.readObject();
        writeEntry(output, new Description().of(value).getBytes("US-ASCII"));
        try (ObjectOutputStream target = new ObjectOutputStream(written)) {
            target.writeObject(value);
        }
    }

    private static void echoSequence(ObjectInputStream source, ByteArrayOutputStream written) throws Exception {
        try (ObjectOutputStream target = new ObjectOutputStream(written)) {
            target.writeBoolean(source.readBoolean());
            target.writeByte(source.readByte());
            target.writeShort(source.readShort());
            target.writeChar(source.readChar());
            target.writeObject(source.readObject());
            target.writeInt(source.readInt());
            target.writeLong(source.readLong());
            target.writeFloat(source.readFloat());
            target.writeDouble(source.readDouble());
            target.writeUTF(source.readUTF());
            target.writeObject(source.readObject());
            target.writeObject(source.readObject());
            byte[] octets = new byte[3000];
            source.readFully(octets);
            target.write(octets);
        }
    }

    private static void writeEntry(DataOutputStream output, byte[] octets) throws IOException {
        output.writeInt(octets.length);
        output.write(octets);
    }

    /** One line for a graph of objects; what occurs again is named by the number of its first occurrence. */
    private static final class Description {
        private final IdentityHashMap<Object, Integer> seen = new IdentityHashMap<>();
        private final StringBuilder text = new StringBuilder();

        String of(Object value) {
            add(value);
            return text.toString();
        }

        private void add(Object value) {
            if (value == null) {
                text.append("null");
            } else if (value instanceof String) {
                quote((String) value);
            } else if (value instanceof Enum) {
                text.append(((Enum<?>) value).getDeclaringClass().getName()).append('.').append(((Enum<?>) value).name());
            } else if (value instanceof Number || value instanceof Boolean || value instanceof Character) {
                text.append(value.getClass().getName()).append(' ').append(scalar(value));
            } else if (value instanceof Date) {
                text.append("date ").append(((Date) value).getTime());
            } else if (seen.containsKey(value)) {
                text.append('@').append(seen.get(value));
            } else {
                seen.put(value, seen.size());
                text.append(value.getClass().getName());
                addContent(value);
            }
        }

        private void addContent(Object value) {
            if (value instanceof Node) {
                Node node = (Node) value;
                text.append('(').append(node.count).append(node.mark ? " true " : " false ");
                add(node.name);
                text.append(' ');
                add(node.next);
                text.append(' ');
                add(node.payload);
                text.append(')');
            } else if (value instanceof Map) {
                addMap((Map<?, ?>) value);
            } else if (value instanceof Set) {
                addAll(sorted((Set<?>) value).values());
            } else if (value instanceof Collection) {
                addAll((Collection<?>) value);
            } else {
                List<Object> items = new ArrayList<>();
                for (int index = 0; index < Array.getLength(value); index++) {
                    items.add(Array.get(value, index));
                }
                addAll(items);
            }
        }

        private void addMap(Map<?, ?> map) {
            text.append('{');
            for (Map.Entry<String, Object> key : sorted(map.keySet()).entrySet()) {
                text.append(key.getKey()).append('=');
                add(map.get(key.getValue()));
                text.append(' ');
            }
            text.append('}');
        }

        private void addAll(Collection<?> items) {
            text.append('[');
            for (Object item : items) {
                add(item);
                text.append(' ');
            }
            text.append(']');
        }

        /** Keys hold no other objects, so that each can be described by itself. */
        private static TreeMap<String, Object> sorted(Set<?> keys) {
            TreeMap<String, Object> found = new TreeMap<>();
            for (Object key : keys) {
                found.put(new Description().of(key), key);
            }
            return found;
        }

        private static String scalar(Object value) {
            if (value instanceof Float) {
                return Integer.toHexString(Float.floatToRawIntBits((Float) value));
            } else if (value instanceof Double) {
                return Long.toHexString(Double.doubleToRawLongBits((Double) value));
            } else if (value instanceof BigDecimal) {
                BigDecimal number = (BigDecimal) value;
                return number.unscaledValue() + "/" + number.scale();
            } else if (value instanceof Character) {
                return Integer.toString((Character) value);
            }
            return value.toString();
        }

        private void quote(String value) {
            text.append('"');
            for (int index = 0; index < value.length(); index++) {
                char unit = value.charAt(index);
                if (unit > ' ' && unit < 127) {
                    text.append(unit);
                } else {
                    text.append(String.format("\\%04x", (int) unit));
                }
            }
            text.append('"');
        }
    }
}
