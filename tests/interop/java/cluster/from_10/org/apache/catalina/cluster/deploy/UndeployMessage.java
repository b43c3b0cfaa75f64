package org.apache.catalina.cluster.deploy;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** An undeploy message since 5.5.10. */
public final class UndeployMessage implements Serializable {
    private static final long serialVersionUID = -6856036480142609683L;

    private String contextPath;
    private boolean undeploy;
    private String uniqueId;
    private long timestamp;
    private Member address;
    private int resend;
    private int compress;
}
